/** Uploads in parts, and bodies too large to hold. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AwsCall } from '../gateway/index.ts';
import { allow, type OpenedS3, openS3 } from './s3-setup.ts';

const Bucket = 'photos';
const mebibyte = 1024 ** 2;

let local: OpenedS3;
beforeAll(async () => {
  local = await openS3({
    policies: {
      Writer: [allow(['s3:PutObject', 's3:AbortMultipartUpload'], ['arn:aws:s3:::photos/archives/*'])],
    },
  });
});
afterAll(async () => {
  await local.close();
  expect(local.faults).toEqual([]);
});

const refused = (name: string, status: number) => ({ name, $metadata: { httpStatusCode: status } });
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest();

/** An upload begun, and its next calls. */
async function begin(Key: string, more = {}) {
  const client = local.client();
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  const at = { Bucket, Key, UploadId };
  return {
    at,
    part: async (PartNumber: number, Body: Buffer) => ({
      PartNumber,
      ETag: (await client.send(new UploadPartCommand({ ...at, PartNumber, Body }))).ETag,
    }),
    complete: (Parts: { PartNumber: number; ETag: string | undefined }[], conditions = {}) =>
      client.send(new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts }, ...conditions })),
    abort: () => client.send(new AbortMultipartUploadCommand(at)),
  };
}

async function bytesOf(Key: string): Promise<Buffer> {
  const { Body } = await local.client().send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

const five = Buffer.alloc(5 * mebibyte, 'a');

describe('an upload in parts', () => {
  test('becomes one object with the ETag of its parts, and leaves nothing else', async () => {
    const before = (await local.files()).length;
    const upload = await begin('joined', { ContentType: 'application/zip', Tagging: 'stage=archive' });
    const last = await upload.part(7, Buffer.from('end'));
    const first = await upload.part(2, five);
    const { ETag } = await upload.complete([first, last]);
    expect((await upload.complete([first, last])).ETag).toBe(ETag);
    const whole = createHash('md5').update(Buffer.concat([md5(five), md5(Buffer.from('end'))]));
    const head = await local.client().send(new HeadObjectCommand({ Bucket, Key: 'joined' }));
    expect(head).toMatchObject({
      ETag: `"${whole.digest('hex')}-2"`,
      ContentType: 'application/zip',
      ContentLength: five.length + 3,
      TagCount: 1,
    });
    expect((await bytesOf('joined')).equals(Buffer.concat([five, Buffer.from('end')]))).toBe(true);
    expect(await local.files()).toHaveLength(before + 1);
    await expect(upload.complete([first])).rejects.toMatchObject(refused('NoSuchUpload', 404));
  });

  test('takes the later of two parts of one number', async () => {
    const upload = await begin('again');
    const early = await upload.part(1, Buffer.from('early'));
    const late = await upload.part(1, Buffer.from('late'));
    await expect(upload.complete([early])).rejects.toMatchObject(refused('InvalidPart', 400));
    await upload.complete([late]);
    expect((await bytesOf('again')).toString()).toBe('late');
  });

  test('refuses short parts before the last, parts out of order, and parts it never got', async () => {
    const upload = await begin('refused');
    const short = await upload.part(1, five.subarray(1));
    const next = await upload.part(2, five);
    await expect(upload.complete([short, next])).rejects.toMatchObject(refused('EntityTooSmall', 400));
    await expect(upload.complete([next, short])).rejects.toMatchObject(refused('InvalidPartOrder', 400));
    const missing = { PartNumber: 3, ETag: next.ETag };
    await expect(upload.complete([next, missing])).rejects.toMatchObject(refused('InvalidPart', 400));
    await expect(upload.complete([])).rejects.toMatchObject(refused('MalformedXML', 400));
    await expect(upload.part(10_001, five)).rejects.toMatchObject(refused('InvalidArgument', 400));
    await upload.complete([next]);
    expect((await bytesOf('refused')).equals(five)).toBe(true);
  });

  test('is forgotten with its parts when aborted', async () => {
    const before = (await local.files()).length;
    const upload = await begin('aborted');
    const part = await upload.part(1, five);
    await upload.abort();
    expect(await local.files()).toHaveLength(before);
    await expect(upload.complete([part])).rejects.toMatchObject(refused('NoSuchUpload', 404));
    await expect(upload.part(2, five)).rejects.toMatchObject(refused('NoSuchUpload', 404));
    const elsewhere = new AbortMultipartUploadCommand({ ...(await begin('one')).at, Key: 'another' });
    await expect(local.client().send(elsewhere)).rejects.toMatchObject(refused('NoSuchUpload', 404));
  });

  test('creates a key only where there is none, if it says so', async () => {
    const uploads = [await begin('created'), await begin('created')];
    const outcomes = await Promise.allSettled(
      uploads.map(async (upload, n) =>
        upload.complete([await upload.part(1, Buffer.from(`${n}`))], { IfNoneMatch: '*' }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const reasons = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(reasons).toEqual([expect.objectContaining({ name: 'PreconditionFailed' })]);
  });

  test('says how its parts are summed up', async () => {
    const create = (ChecksumAlgorithm: 'CRC32' | 'CRC32C') =>
      local.client().send(new CreateMultipartUploadCommand({ Bucket, Key: 'summed', ChecksumAlgorithm }));
    expect(await create('CRC32')).toMatchObject({
      ChecksumAlgorithm: 'CRC32',
      ChecksumType: 'COMPOSITE',
      ServerSideEncryption: 'AES256',
    });
    await expect(create('CRC32C')).rejects.toMatchObject(refused('NotImplemented', 501));
  });

  test('takes no part from another object, and says so', async () => {
    const { at } = await begin('copied');
    const command = new UploadPartCopyCommand({ ...at, PartNumber: 1, CopySource: 'photos/source' });
    await expect(local.client().send(command)).rejects.toMatchObject(refused('NotImplemented', 501));
  });
});

describe("the SDK's Upload", () => {
  const upload = (Key: string, Body: Readable) =>
    new Upload({ client: local.client('Writer'), params: { Bucket, Key, Body } }).done();

  test('streams a body of unknown length in parts', async () => {
    const chunks = Array.from({ length: 12 }, (_, n) => Buffer.alloc(mebibyte, n));
    const { ETag } = await upload('archives/a.zip', Readable.from(chunks));
    expect(ETag).toMatch(/^"[0-9a-f]{32}-3"$/);
    expect((await bytesOf('archives/a.zip')).equals(Buffer.concat(chunks))).toBe(true);
  });

  test('puts a short one at once', async () => {
    await upload('archives/short.zip', Readable.from([Buffer.from('short')]));
    expect((await bytesOf('archives/short.zip')).toString()).toBe('short');
  });

  test('leaves nothing where its policy lets it write nothing, or its source fails', async () => {
    const before = await local.files();
    const large = () => Readable.from([five, five]);
    await expect(upload('elsewhere/a.zip', large())).rejects.toMatchObject({ name: 'AccessDenied' });
    const failing = (async function* () {
      yield* [five, five];
      throw new Error('the source failed');
    })();
    await expect(upload('archives/failing.zip', Readable.from(failing))).rejects.toThrow('the source failed');
    expect(await local.files()).toEqual(before);
  });
});

describe('a body of 100 MB is never held', () => {
  const chunkSize = 64 * 1024;
  const chunks = 1600;
  const call = (more: Partial<AwsCall>): AwsCall => ({
    caller: 'operator',
    operation: '',
    method: 'PUT',
    path: '/photos/large',
    query: new URLSearchParams(),
    headers: {},
    body: Readable.from([]),
    authorize: () => {},
    ...more,
  });

  /** Yields `pieces`, and notes how far it is ahead of the file that is being written. */
  function watched(pieces: Iterable<Buffer>) {
    const incoming = join(local.folder, 'incoming');
    let given = 0;
    let farthest = 0;
    async function* source() {
      for (const piece of pieces) {
        given += piece.length;
        yield piece;
        const [file] = readdirSync(incoming);
        farthest = Math.max(farthest, given - (file ? statSync(join(incoming, file)).size : 0));
      }
    }
    return { body: Readable.from(source(), { highWaterMark: 1 }), farthest: () => farthest };
  }
  function* plain() {
    for (let n = 0; n < chunks; n++) yield Buffer.alloc(chunkSize, n);
  }
  function* framed() {
    for (const chunk of plain())
      yield Buffer.concat([Buffer.from(`${chunkSize.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
    yield Buffer.from('0\r\n\r\n');
  }
  const size = String(chunks * chunkSize);

  test('while it arrives plain', async () => {
    const { body, farthest } = watched(plain());
    const answer = await local.s3.service(call({ body, headers: { 'content-length': size } }));
    expect(answer.status).toBe(200);
    expect(farthest()).toBeLessThan(8 * chunkSize);
  });

  test('while it arrives in chunks', async () => {
    const { body, farthest } = watched(framed());
    const headers = {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': size,
    };
    expect((await local.s3.service(call({ body, headers }))).status).toBe(200);
    expect(farthest()).toBeLessThan(8 * chunkSize);
  });

  test('while it is read', async () => {
    const { body } = await local.s3.service(call({ method: 'GET' }));
    if (!(body instanceof Readable) || !('bytesRead' in body)) throw new Error('no stream of a file');
    let taken = 0;
    let farthest = 0;
    for await (const chunk of body) {
      taken += chunk.length;
      farthest = Math.max(farthest, Number(body.bytesRead) - taken);
    }
    expect(taken).toBe(chunks * chunkSize);
    expect(farthest).toBeLessThan(8 * chunkSize);
  });

  test('and must be framed as its sender says', async () => {
    const frames: [string, string][] = [
      ['5\r\nbytes\r\n0\r\n\r\n', 'stored'],
      ['5;chunk-signature=ab\r\nbytes\r\n0;chunk-signature=cd\r\n\r\n', 'stored'],
      ['5\r\nbytes\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n', 'MalformedTrailerError'],
      ['5\r\nbytes', 'IncompleteBody'],
      ['5\r\nbytes\r\n', 'IncompleteBody'],
      ['6\r\nbytes!\r\n0\r\n\r\n', 'IncompleteBody'],
      ['5\r\nbytesX\r\n0\r\n\r\n', 'InvalidChunkSizeError'],
      ['bytes\r\n', 'InvalidChunkSizeError'],
      ['5\r\nbytes\r\n0\r\nno trailer\r\n\r\n', 'MalformedTrailerError'],
    ];
    for (const [text, outcome] of frames) {
      for (const step of [1, 4, 1000]) {
        const pieces = text.match(new RegExp(`.{1,${step}}`, 'gs')) ?? [];
        const headers = {
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-decoded-content-length': '5',
        };
        const body = Readable.from(pieces.map((piece) => Buffer.from(piece)));
        const answer = await local.s3.service(call({ body, headers, path: '/photos/framed' }));
        const code = /<Code>(\w+)/.exec(String(answer.body))?.[1] ?? 'stored';
        expect([text, code]).toEqual([text, outcome]);
      }
    }
  });

  test('and its trailing checksum must be its own', async () => {
    const headers = {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': '5',
      'x-amz-trailer': 'x-amz-checksum-sha256',
    };
    const send = async (digest: string) => {
      const trailer = `x-amz-checksum-sha256:${digest}`;
      const body = Readable.from([Buffer.from(`5\r\nbytes\r\n0\r\n${trailer}\r\n\r\n`)]);
      return (await local.s3.service(call({ body, headers }))).status;
    };
    expect(await send(createHash('sha256').update('bytes').digest('base64'))).toBe(200);
    expect(await send(createHash('sha256').update('other').digest('base64'))).toBe(400);
  });
});
