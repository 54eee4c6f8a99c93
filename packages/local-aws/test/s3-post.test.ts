/**
 * Uploads by presigned form: what the policy holds the browser to, and what S3 says when it does
 * not keep to it.
 */
import { Agent, type OutgoingHttpHeaders, request } from 'node:http';
import { GetObjectCommand, GetObjectTaggingCommand } from '@aws-sdk/client-s3';
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { allow, bucketModel, type OpenedS3, openS3 } from './s3-setup.ts';

const tagging = '<Tagging><TagSet><Tag><Key>stage</Key><Value>upload</Value></Tag></TagSet></Tagging>';
const uploads = ['arn:aws:s3:::photos/uploads/*'];
const isUpload = { StringEquals: { 's3:RequestObjectTag/stage': ['upload'] } };

let local: OpenedS3;
let begun: (answered: Promise<unknown>) => void = () => {};
beforeAll(async () => {
  local = await openS3({
    onCall: (answered) => begun(answered),
    buckets: [bucketModel({ cors: [{ origins: ['*'], methods: ['POST'], headers: ['*'], exposed: [] }] })],
    policies: {
      Signer: [allow(['s3:PutObject', 's3:PutObjectTagging'], uploads, isUpload)],
      Untagger: [allow(['s3:PutObject'], uploads, isUpload)],
    },
  });
});
afterAll(async () => {
  await local.close();
  expect(local.faults).toEqual([]);
});

type Signed = Awaited<ReturnType<typeof createPresignedPost>>;

/** A form as the product signs it: exact key, type and tag, and a range of sizes. */
async function sign(more: Partial<PresignedPostOptions> = {}, caller = 'Signer'): Promise<Signed> {
  const { Fields, Conditions = [['content-length-range', 1, 10]], ...others } = more;
  return createPresignedPost(local.client(caller), {
    Bucket: 'photos',
    Key: 'uploads/a.png',
    Expires: 60,
    ...others,
    Fields: { 'Content-Type': 'image/png', tagging, ...Fields },
    Conditions,
  });
}

type Change = Record<string, string | undefined>;

function formOf(
  signed: Signed,
  changes: Change = {},
  file: string | Blob | undefined = '0123456789',
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...signed.fields, ...changes }))
    if (value !== undefined) form.append(name, value);
  if (file !== undefined) form.append('file', typeof file === 'string' ? new Blob([file]) : file, 'a.png');
  return form;
}

async function post(signed: Signed, changes?: Change, file?: string | Blob, headers = {}) {
  const answer = await fetch(signed.url, { method: 'POST', body: formOf(signed, changes, file), headers });
  const text = await answer.text();
  const [, code] = /<Code>(\w+)<\/Code>/.exec(text) ?? [];
  const [, message] = /<Message>(.*)<\/Message>/s.exec(text) ?? [];
  return { status: answer.status, code, message: message?.replaceAll('&quot;', '"'), text, answer };
}

const stored = async (Key = 'uploads/a.png') => {
  const answer = await local.client().send(new GetObjectCommand({ Bucket: 'photos', Key }));
  return { ...answer, text: await answer.Body?.transformToString() };
};

describe('a form that keeps to its policy', () => {
  test('stores the file with the type and tags of its fields', async () => {
    const { status, text, answer } = await post(await sign());
    expect([status, text]).toEqual([204, '']);
    expect(answer.headers.get('location')).toBe(`${local.url}/photos/uploads/a.png`);
    const object = await stored();
    expect(object).toMatchObject({ text: '0123456789', ContentType: 'image/png', TagCount: 1 });
    expect(answer.headers.get('etag')).toBe(object.ETag);
    const tags = await local
      .client()
      .send(new GetObjectTaggingCommand({ Bucket: 'photos', Key: 'uploads/a.png' }));
    expect(tags.TagSet).toEqual([{ Key: 'stage', Value: 'upload' }]);
  });

  test.each(['200', '201', '204', '302'])('is answered as success_action_status %s asks', async (asked) => {
    const { status, text } = await post(await sign({ Fields: { success_action_status: asked } }));
    expect(status).toBe({ 200: 200, 201: 201 }[asked] ?? 204);
    expect(text.includes('<Key>uploads/a.png</Key>')).toBe(asked === '201');
  });

  test('may leave a prefix open to the browser', async () => {
    const Conditions: PresignedPostOptions['Conditions'] = [['starts-with', '$x-amz-meta-note', 'from ']];
    const signed = await sign({ Conditions });
    expect((await post(signed, { 'x-amz-meta-note': 'from here' })).status).toBe(204);
    expect((await stored()).Metadata).toEqual({ note: 'from here' });
    expect(await post(signed, { 'x-amz-meta-note': 'to here' })).toMatchObject({
      status: 403,
      message:
        'Invalid according to Policy: Policy Condition failed: ["starts-with", "$x-amz-meta-note", "from "]',
    });
  });

  test('may carry fields to be ignored', async () => {
    expect((await post(await sign(), { 'x-ignore-me': '1' })).status).toBe(204);
  });

  test('may be empty where the policy says no size', async () => {
    expect((await post(await sign({ Conditions: [] }), {}, '')).status).toBe(204);
    expect((await stored()).text).toBe('');
  });
});

describe('a form is refused', () => {
  const condition = (name: string, value: string) =>
    `Invalid according to Policy: Policy Condition failed: ["eq", "$${name}", "${value}"]`;

  test.each<[string, Change, string | undefined, object]>([
    ['when its file is too large', {}, '0123456789a', { status: 400, code: 'EntityTooLarge' }],
    ['when its file is too small', {}, '', { status: 400, code: 'EntityTooSmall' }],
    [
      'when its key is another',
      { key: 'uploads/b.png' },
      'x',
      { status: 403, message: condition('key', 'uploads/a.png') },
    ],
    [
      'when its type is another',
      { 'Content-Type': 'text/html' },
      'x',
      { status: 403, message: condition('Content-Type', 'image/png') },
    ],
    [
      'when its type is left out',
      { 'Content-Type': undefined },
      'x',
      { status: 403, message: condition('Content-Type', 'image/png') },
    ],
    ['when its tags are left out', { tagging: undefined }, 'x', { status: 403, code: 'AccessDenied' }],
    [
      'when it has a field more',
      { 'x-amz-meta-a': '1' },
      'x',
      { status: 403, message: 'Invalid according to Policy: Extra input fields: x-amz-meta-a' },
    ],
    [
      'when its signature is another',
      { 'X-Amz-Signature': '0'.repeat(64) },
      'x',
      { status: 403, code: 'SignatureDoesNotMatch' },
    ],
    [
      'when its policy is another',
      { Policy: Buffer.from('{"expiration":"2099-01-01T00:00:00Z","conditions":[]}').toString('base64') },
      'x',
      { status: 403, code: 'SignatureDoesNotMatch' },
    ],
    ['when it has no policy', { Policy: undefined }, 'x', { status: 403, code: 'AccessDenied' }],
    [
      'when it has no signature',
      { 'X-Amz-Signature': undefined },
      'x',
      { status: 400, code: 'InvalidArgument' },
    ],
    [
      'when its key belongs to nobody',
      { 'X-Amz-Credential': 'AKIANOBODY/20260101/eu-central-1/s3/aws4_request' },
      'x',
      { status: 403, code: 'InvalidAccessKeyId' },
    ],
    ['when it has no key', { key: undefined }, 'x', { status: 400, code: 'InvalidArgument' }],
    ['when it has no file', {}, undefined, { status: 400, code: 'InvalidArgument' }],
    [
      'when its fields are too long',
      { 'x-ignore-me': 'x'.repeat(30_000) },
      'x',
      { status: 400, code: 'MaxPostPreDataLengthExceeded' },
    ],
  ])('%s', async (_when, changes, file, refusal) => {
    const before = await local.files();
    const signed = await sign();
    const body = formOf(signed, changes);
    if (file === undefined) body.delete('file');
    else body.set('file', new Blob([file]), 'a.png');
    const answer = await fetch(signed.url, { method: 'POST', body });
    const text = await answer.text();
    const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
    const message = /<Message>(.*)<\/Message>/s.exec(text)?.[1]?.replaceAll('&quot;', '"');
    expect({ status: answer.status, code, message }).toMatchObject(refusal);
    expect(await local.files()).toEqual(before);
  });

  test('when its policy has expired, by the clock', async () => {
    const signed = await sign({ Expires: 3600 });
    expect((await post(signed)).status).toBe(204);
    local.clock.advance(3_601_000);
    expect(await post(signed)).toMatchObject({
      status: 403,
      message: 'Invalid according to Policy: Policy expired.',
    });
  });

  test('when its tags are no tags', async () => {
    const noValue = tagging.replace('<Value>upload</Value>', '');
    for (const [text, code] of [
      [noValue, 'MalformedXML'],
      ['stage=upload', 'MalformedXML'],
      [tagging.replace('stage', 'k'.repeat(129)), 'InvalidTag'],
    ])
      expect(await post(await sign({ Expires: 7200, Fields: { tagging: `${text}` } }))).toMatchObject({
        code,
      });
  });

  test('when its policy, though signed, is none', async () => {
    const signed = await sign({ Expires: 7200, Conditions: [JSON.parse('["wildcard", "$key", "*"]')] });
    expect(await post(signed)).toMatchObject({ status: 400, code: 'InvalidPolicyDocument' });
  });

  test('when its signer may not do what it asks', async () => {
    const denied = { status: 403, code: 'AccessDenied' };
    expect(await post(await sign({ Expires: 7200, Key: 'elsewhere/a.png' }))).toMatchObject(denied);
    expect(await post(await sign({ Expires: 7200 }, 'Untagger'))).toMatchObject(denied);
    const other = tagging.replace('upload', 'checkout');
    expect(await post(await sign({ Expires: 7200, Fields: { tagging: other } }))).toMatchObject(denied);
  });

  test('when it is no form', async () => {
    const headers = { 'content-type': 'multipart/form-data' };
    const answer = await fetch(`${local.url}/photos`, { method: 'POST', body: 'x', headers });
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining('MalformedPOSTRequest'),
    ]);
  });

  test('and its connection serves the next call, however much was still to come', async () => {
    const signed = await sign({ Expires: 7200 });
    const whole = new Request(signed.url, {
      method: 'POST',
      body: formOf(signed, {}, new Blob([Buffer.alloc(30_000_000)])),
    });
    const bytes = Buffer.from(await whole.clone().arrayBuffer());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const send = (method: string, headers: OutgoingHttpHeaders, body?: Buffer) =>
      new Promise<number | undefined>((resolve, reject) => {
        const client = request(signed.url, { method, agent, headers }, (answer) => {
          answer.resume().on('end', () => resolve(answer.statusCode));
        });
        client.on('error', reject).end(body);
      });
    const type = whole.headers.get('content-type') ?? '';
    expect(await send('POST', { 'content-type': type, 'content-length': bytes.length }, bytes)).toBe(400);
    const preflight = { origin: 'https://photos.example', 'access-control-request-method': 'POST' };
    expect(await send('OPTIONS', preflight)).toBe(200);
    agent.destroy();
  });
});

test('a form that breaks off stores nothing', async () => {
  const signed = await sign({ Expires: 7200, Key: 'uploads/broken.png' });
  const whole = new Request(signed.url, { method: 'POST', body: formOf(signed) });
  const bytes = Buffer.from(await whole.clone().arrayBuffer());
  const before = await local.files();
  for (const sent of [100, bytes.indexOf('0123') + 5, bytes.length - 5]) {
    const call = new Promise<unknown>((resolve) => {
      begun = resolve;
    });
    const headers = {
      'content-type': whole.headers.get('content-type') ?? '',
      'content-length': bytes.length,
    };
    const client = request(signed.url, { method: 'POST', headers });
    client.on('error', () => {});
    client.write(bytes.subarray(0, sent), () => client.destroy());
    await call;
  }
  expect(await local.files()).toEqual(before);
  await expect(stored('uploads/broken.png')).rejects.toMatchObject({ name: 'NoSuchKey' });
});
