/** Archives built S3 to S3, on a real (local) S3: what is read, sent and left. */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type OpenedS3, openS3 } from '@restoreclick/local-aws/test/s3';
import type { ArchivedPhoto, buildArchive } from '../../lambdas/download/build-archive/build.ts';
import { readZip } from '../unit/zip-reader.ts';

const Bucket = 'photos';
const mebibyte = 1024 ** 2;

let local: OpenedS3;
let build: typeof buildArchive;
let client: S3Client;
const before = { ...process.env };
beforeAll(async () => {
  local = await openS3();
  const { accessKeyId, secretAccessKey } = local.keyOf('operator');
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: local.url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
  client = local.client();
  ({ buildArchive: build } = await import('../../lambdas/download/build-archive/build.ts'));
});
afterAll(async () => {
  process.env = before;
  await local.close();
  expect(local.faults).toEqual([]);
});
afterEach(() => void jest.restoreAllMocks());

/** Stored, and as its row tells of it. */
async function stored(name: string, size: number): Promise<ArchivedPhoto & { bytes: Buffer }> {
  const bytes = randomBytes(size);
  await client.send(new PutObjectCommand({ Bucket, Key: name, Body: bytes }));
  return {
    name,
    bytes,
    size,
    crc32: crc32(bytes),
    storageBucket: Bucket,
    storagePath: name,
    restoredAt: '2026-11-28T12:00:00Z',
  };
}

async function bytesOf(Key: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

const unfinished = async () => (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [];

describe('an archive', () => {
  test('holds the photos whole, also one stored before sums were kept', async () => {
    const photos = [await stored('a.png', 3 * mebibyte), await stored('b.png', 1)];
    const told = photos.map((photo, index) => (index === 0 ? { ...photo, crc32: null } : photo));
    await build(told, Bucket, 'small.zip');
    const inside = readZip(await bytesOf('small.zip'));
    for (const { name, bytes } of photos) expect(inside.get(name)?.equals(bytes)).toBe(true);
    expect(inside.size).toBe(2);
  });

  test('is sent in parts, of which only a few are in memory at once', async () => {
    const photos = await Promise.all([1, 2, 3, 4].map((n) => stored(`large ${n}.png`, 15 * mebibyte)));
    const real = S3Client.prototype.send;
    let [held, most] = [0, 0];
    const sizes: number[] = [];
    jest.spyOn(S3Client.prototype, 'send').mockImplementation(async function (
      this: S3Client,
      ...given: Parameters<typeof real>
    ) {
      const [command] = given;
      if (!(command instanceof UploadPartCommand)) return real.apply(this, given);
      const { length } = command.input.Body as Buffer;
      sizes.push(length);
      held += length;
      most = Math.max(most, held);
      try {
        return await real.apply(this, given);
      } finally {
        held -= length;
      }
    });
    await build(photos, Bucket, 'large.zip');
    jest.restoreAllMocks();
    const archive = await bytesOf('large.zip');
    expect([...readZip(archive).keys()]).toEqual(photos.map(({ name }) => name));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(archive.length);
    expect(sizes).toHaveLength(Math.ceil(archive.length / (8 * mebibyte)));
    expect(most).toBeLessThanOrEqual(4 * 8 * mebibyte);
    expect(await unfinished()).toEqual([]);
  });

  test('leaves nothing of a build that was killed before', async () => {
    const Key = 'again.zip';
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(9) }));
    const files = (await local.files()).length;
    await build([await stored('c.png', 9)], Bucket, Key);
    expect(readZip(await bytesOf(Key)).size).toBe(1);
    expect(await unfinished()).toEqual([]);
    // The photo and its archive came, the part went.
    expect(await local.files()).toHaveLength(files + 1);
  });

  test('is none, and nothing is left, when a photo is not the one that its row tells of', async () => {
    const photos = [await stored('d.png', 20 * mebibyte), await stored('e.png', 9)];
    const wrong = photos.map((photo, index) => ({ ...photo, crc32: index === 1 ? 0 : photo.crc32 }));
    await expect(build(wrong, Bucket, 'wrong.zip')).rejects.toMatchObject({ code: 'photo_changed' });
    await expect(bytesOf('wrong.zip')).rejects.toMatchObject({ name: 'NoSuchKey' });
    expect(await unfinished()).toEqual([]);
  });

  test('that another run has stored meanwhile is as good', async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'there.zip', Body: 'theirs' }));
    await build([await stored('f.png', 9)], Bucket, 'there.zip');
    expect((await bytesOf('there.zip')).toString()).toBe('theirs');
  });
});
