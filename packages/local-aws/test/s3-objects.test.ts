/**
 * The local S3's objects, through the gateway and the SDK's client: bytes, checksums, ranges,
 * conditions.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ObjectRecord, openBytes, openObject } from '../s3/index.ts';
import { createStore } from '../store/index.ts';
import { type OpenedS3, openS3, refused, shortCalls } from './s3-setup.ts';

const Bucket = 'photos';

let local: OpenedS3;
beforeAll(async () => {
  local = await openS3();
});
afterAll(async () => {
  await local.close();
  expect(local.faults).toEqual([]);
});

const { get, put, text } = shortCalls(() => local);
const signPut = (Key: string, more = {}) =>
  getSignedUrl(local.client(), new PutObjectCommand({ Bucket, Key, ...more }), { expiresIn: 60 });
const md5 = (bytes: string | Buffer) => createHash('md5').update(bytes).digest('hex');

describe('a stored object', () => {
  test('comes back with its bytes, MD5 as ETag, type, headers, metadata and checksum', async () => {
    const more = {
      ContentType: 'image/png',
      CacheControl: 'private',
      ContentDisposition: 'attachment; filename="a.png"',
      Metadata: { upload: 'u1' },
    };
    await put('a/b c+ü.png', 'bytes', more);
    const answer = await get('a/b c+ü.png');
    expect(await answer.Body?.transformToString()).toBe('bytes');
    expect(answer).toMatchObject({ ...more, ETag: `"${md5('bytes')}"`, ContentLength: 5 });
    expect(answer.Metadata).toEqual({ upload: 'u1' });
    expect(answer.ContentEncoding).toBeUndefined();
    expect(answer.ChecksumCRC32).toMatch(/^[\w+/]{6}==$/);
    const head = await local.client().send(new HeadObjectCommand({ Bucket, Key: 'a/b c+ü.png' }));
    expect(head).toMatchObject({ ...more, ETag: `"${md5('bytes')}"`, ContentLength: 5 });
  });

  test('may be empty', async () => {
    await put('empty', Buffer.alloc(0));
    expect(await text('empty')).toBe('');
    await expect(get('empty', { Range: 'bytes=0-0' })).rejects.toMatchObject(refused('InvalidRange', 416));
  });

  test('may be written as a stream of known length, and not of unknown length', async () => {
    const Body = Readable.from([Buffer.from('one '), Buffer.from('two')]);
    const command = new PutObjectCommand({ Bucket, Key: 'streamed', Body, ContentLength: 7 });
    await local.client().send(command);
    expect(await text('streamed')).toBe('one two');
    const url = await signPut('streamed');
    const unknown = new Blob(['three']).stream();
    const answer = await fetch(url, { method: 'PUT', body: unknown, duplex: 'half' });
    expect([answer.status, await answer.text()]).toEqual([
      411,
      expect.stringContaining('MissingContentLength'),
    ]);
    expect(await text('streamed')).toBe('one two');
  });

  test('may have a key of a kilobyte, and no longer', async () => {
    await put('k'.repeat(1024), 'x');
    expect(await text('k'.repeat(1024))).toBe('x');
    await expect(put('k'.repeat(1025), 'x')).rejects.toMatchObject(refused('KeyTooLongError', 400));
  });

  test('is replaced whole while it is being read, and its old bytes go', async () => {
    await put('replaced', Buffer.alloc(3_000_000, 'a'));
    const before = (await local.files()).length;
    const reading = await get('replaced');
    await put('replaced', 'new');
    expect((await reading.Body?.transformToByteArray())?.every((byte) => byte === 97)).toBe(true);
    expect(await text('replaced')).toBe('new');
    expect(await local.files()).toHaveLength(before);
  });

  test('is always whole to its readers, however often it is replaced', async () => {
    const sizes = Array.from({ length: 60 }, (_, n) => n * 1000 + 1);
    await put('contended', Buffer.alloc(1));
    let writing = true;
    const read = async () => {
      while (writing) {
        const bytes = await (await get('contended')).Body?.transformToByteArray();
        expect(new Set(bytes).size).toBe(1);
        expect(sizes).toContain(bytes?.length);
      }
    };
    const readers = Promise.all([read(), read(), read(), read()]);
    for (const size of sizes) await put('contended', Buffer.alloc(size, size));
    writing = false;
    await readers;
  });

  test('that is replaced just before its bytes are opened is read as what replaced it', async () => {
    const bytes = await openBytes(local.folder);
    const objects = await createStore().collection<ObjectRecord>('objects');
    const { file } = await bytes.receive(Readable.from([Buffer.from('new')]));
    const record = (name: string): ObjectRecord => ({
      ...{ bucket: Bucket, key: 'k', file: name, size: 3, etag: name, modified: 0, sequencer: name },
      ...{ contentType: '', headers: {}, metadata: {}, tags: {} },
    });
    const [removed, current] = [record('removed'), record(file)];
    await objects.put(`${Bucket}/k`, current);
    const found = [removed, current];
    const { body } = await openObject(
      { bytes, objects },
      () => found.shift() ?? current,
      () => undefined,
    );
    expect(String(Buffer.concat(await body.toArray()))).toBe('new');
    await objects.put(`${Bucket}/k`, removed);
    const lost = openObject(
      { bytes, objects },
      () => removed,
      () => undefined,
    );
    await expect(lost).rejects.toMatchObject({ code: 'ENOENT' });
    await bytes.remove(file);
  });

  test('has its file before its first byte is read, so that a refusal finds it to remove', async () => {
    const incoming = join(local.folder, 'incoming');
    const before = readdirSync(incoming);
    async function* source(): AsyncGenerator<Buffer> {
      expect(readdirSync(incoming)).toHaveLength(before.length + 1);
      yield Buffer.from('too large');
    }
    const bytes = await openBytes(local.folder);
    await expect(bytes.receive(source(), { maxSize: 1 })).rejects.toMatchObject({ code: 'EntityTooLarge' });
    expect(readdirSync(incoming)).toEqual(before);
  });

  test('is gone once deleted, and deleting it again is no error', async () => {
    await put('gone', 'x');
    const before = (await local.files()).length;
    const remove = () => local.client().send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
    expect((await remove()).$metadata.httpStatusCode).toBe(204);
    expect((await remove()).$metadata.httpStatusCode).toBe(204);
    await expect(get('gone')).rejects.toMatchObject(refused('NoSuchKey', 404));
    expect(await local.files()).toHaveLength(before - 1);
  });

  test('keeps its bytes apart from its key', async () => {
    await put('../../../outside', 'x');
    expect(await text('../../../outside')).toBe('x');
    expect((await local.files()).every((file) => /^[\w-]{36}$/.test(file))).toBe(true);
  });
});

describe('bytes that are not as stated', () => {
  test.each([
    ['ChecksumCRC32', 'AAAAAA==', 'BadDigest'],
    ['ChecksumSHA256', createHash('sha256').update('other').digest('base64'), 'BadDigest'],
    ['ContentMD5', createHash('md5').update('other').digest('base64'), 'BadDigest'],
    ['ContentMD5', 'short', 'InvalidDigest'],
  ])('are refused by %s %s and not stored', async (field, value, name) => {
    await expect(put('corrupt', 'bytes', { [field]: value })).rejects.toMatchObject(refused(name, 400));
    await expect(get('corrupt')).rejects.toMatchObject(refused('NoSuchKey', 404));
  });

  test('are refused when the payload is not the one that was signed', async () => {
    const client = local.client();
    client.middlewareStack.add(
      (next) => async (args) => {
        if (typeof args.request === 'object' && args.request) Object.assign(args.request, { body: 'BYTES' });
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    const command = new PutObjectCommand({ Bucket, Key: 'corrupt', Body: 'bytes' });
    await expect(client.send(command)).rejects.toMatchObject({ name: 'XAmzContentSHA256Mismatch' });
  });

  test('are named when their checksum is of a kind not verified here', async () => {
    const command = put('corrupt', 'bytes', { ChecksumCRC64NVME: 'AAAAAAAAAAA=' });
    await expect(command).rejects.toMatchObject(refused('NotImplemented', 501));
  });
});

describe('a range', () => {
  test.each([
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-30', '0123456789', 'bytes 0-9/10'],
    ['bytes=5-50', '56789', 'bytes 5-9/10'],
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=0-1,4-5', '0123456789', undefined],
    ['lines=1-2', '0123456789', undefined],
    ['bytes=4-2', '0123456789', undefined],
  ])('%s is %s', async (Range, bytes, ContentRange) => {
    await put('digits', '0123456789');
    const answer = await get('digits', { Range });
    expect(await answer.Body?.transformToString()).toBe(bytes);
    expect(answer.$metadata.httpStatusCode).toBe(ContentRange ? 206 : 200);
    expect(answer.ContentRange).toBe(ContentRange);
  });

  test.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])('%s of ten bytes does not exist', async (Range) => {
    await put('digits', '0123456789');
    await expect(get('digits', { Range })).rejects.toMatchObject(refused('InvalidRange', 416));
  });
});

describe('conditions', () => {
  test('on a read answer 412 and 304', async () => {
    const { ETag } = await put('read', 'x');
    expect(await text('read', { IfMatch: ETag })).toBe('x');
    expect(await text('read', { IfNoneMatch: '"other"' })).toBe('x');
    await expect(get('read', { IfMatch: '"other"' })).rejects.toMatchObject(
      refused('PreconditionFailed', 412),
    );
    const cached = { $metadata: { httpStatusCode: 304 } };
    await expect(get('read', { IfNoneMatch: ETag })).rejects.toMatchObject(cached);
    const IfModifiedSince = new Date(local.clock.now() + 1000);
    await expect(get('read', { IfModifiedSince })).rejects.toMatchObject(cached);
    expect(await text('read', { IfModifiedSince: new Date(0) })).toBe('x');
  });

  test('let only the first of many writers at once create a key', async () => {
    const attempts = Array.from({ length: 8 }, (_, n) => put('once', `writer ${n}`, { IfNoneMatch: '*' }));
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refusals = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason.name] : []));
    expect(new Set(refusals)).toEqual(new Set(['PreconditionFailed']));
  });

  test('let a writer replace only what it knows', async () => {
    const { ETag } = await put('known', 'one');
    await put('known', 'two', { IfMatch: ETag });
    await expect(put('known', 'three', { IfMatch: ETag })).rejects.toMatchObject(
      refused('PreconditionFailed', 412),
    );
    await expect(put('unknown', 'x', { IfMatch: ETag })).rejects.toMatchObject(refused('NoSuchKey', 404));
  });
});
