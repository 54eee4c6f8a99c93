/**
 * A function reaches the local services through the gateway, with its own rights, by the local
 * clock.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { createClock } from '../clock/index.ts';
import { createFaults } from '../faults/index.ts';
import { createCredentials, createGateway, createIam, type Gateway } from '../gateway/index.ts';
import { createLambda, type Lambda } from '../lambda/index.ts';
import { createS3, type LocalS3 } from '../s3/index.ts';
import { createSqs, type Sqs } from '../sqs/index.ts';
import { createStore } from '../store/index.ts';
import type { FunctionModel } from '../template/index.ts';

const source = `
  import { S3Client, PutObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
  import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
  import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
  import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
  const s3 = new S3Client({}), sqs = new SQSClient({});
  const Bucket = 'temp', Key = 'uploads/ä 1.png';
  const does = {
    put: async () => (await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'photo' }))).ETag,
    link: () => getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 }),
    form: () => createPresignedPost(s3, { Bucket, Key: 'uploads/posted.png', Expires: 60, Conditions: [['content-length-range', 1, 100]] }),
    foreign: () => s3.send(new PutObjectCommand({ Bucket, Key: 'elsewhere/x', Body: 'photo' })),
    send: async () => (await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE_URL, MessageBody: 'id' }))).MessageId,
  };
  export const handler = ({ what }) => does[what]();`;

const queueArn = 'arn:aws:sqs:us-east-1:000000000000:jobs';
const clock = createClock();
let root: string;
let gateway: Gateway;
let lambda: Lambda;
let s3: LocalS3;
let sqs: Sqs;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'lambda-services-'));
  await build({
    stdin: { contents: source, resolveDir: process.cwd() },
    outfile: join(root, 'bundle/index.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  const allow = (actions: string[], resources: string[]) => ({
    effect: 'Allow' as const,
    actions,
    resources,
    conditions: {},
  });
  const policy = [
    allow(['s3:PutObject', 's3:GetObject'], ['arn:aws:s3:::temp/uploads/*']),
    allow(['sqs:SendMessage'], [queueArn]),
  ];
  const iam = createIam({ account: '000000000000', policies: new Map([['Upload', policy]]) });
  const credentials = createCredentials({ secret: 's', callers: ['Upload'] });
  gateway = await createGateway({ credentials, iam, clock, log: () => {} });
  const url = `${gateway.url}/000000000000/jobs`;
  const store = createStore();
  const queue = { logicalId: 'Jobs', name: 'jobs', arn: queueArn, url };
  sqs = await createSqs({
    queues: [{ ...queue, visibilityTimeoutSeconds: 60, delaySeconds: 0, retentionSeconds: 3600 }],
    store,
    clock,
  });
  s3 = await createS3({
    buckets: [
      {
        logicalId: 'Temp',
        name: 'temp',
        arn: 'arn:aws:s3:::temp',
        lifecycle: [],
        cors: [],
        notifications: [],
      },
    ],
    folder: join(root, 'objects'),
    store,
    clock,
    credentials,
    authorizeAs: iam.authorize,
    notify: async () => {},
  });
  gateway.serve('s3', s3.service);
  gateway.serve('sqs', sqs.service);
  const fn: FunctionModel = {
    logicalId: 'Upload',
    name: 'upload',
    arn: 'arn:aws:lambda:us-east-1:000000000000:function:upload',
    description: '',
    folder: join(root, 'bundle'),
    handler: 'index.handler',
    environment: { QUEUE_URL: url },
    memoryMb: 256,
    timeoutSeconds: 20,
    policy,
  };
  lambda = await createLambda({
    functions: [fn],
    region: 'us-east-1',
    credentials,
    endpoint: gateway.url,
    faults: createFaults(),
    clock,
    log: () => {},
  });
});
afterAll(async () => {
  await Promise.all([lambda.stop(), s3.stop(), gateway.stop()]);
  sqs.close();
  clock.stop();
  await rm(root, { recursive: true });
});

const run = (what: string) => lambda.invoke('upload', { what });
async function answerOf<T>(what: string): Promise<T> {
  const result = await run(what);
  if ('functionError' in result) throw new Error(result.functionError.errorMessage);
  return result.payload as T;
}

test('what its policy allows works', async () => {
  expect(await answerOf('put')).toMatch(/^"[0-9a-f]{32}"$/);
  expect(await answerOf('send')).toMatch(/^[0-9a-f-]{36}$/);
  expect(sqs.counts(queueArn).visible).toBe(1);
});

test('what its policy does not allow fails as with AWS', async () => {
  expect(await run('foreign')).toMatchObject({
    functionError: {
      errorType: 'AccessDenied',
      errorMessage: expect.stringContaining(
        'is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::temp/elsewhere/x',
      ),
    },
  });
});

test('its links and forms are good for their time by the local clock, days ahead of the wall', async () => {
  clock.advance(5 * 86_400_000);
  await answerOf('put');
  const link = await answerOf<string>('link');
  expect(await (await fetch(link)).text()).toBe('photo');

  const { url, fields } = await answerOf<{ url: string; fields: Record<string, string> }>('form');
  const post = () => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('file', new Blob(['photo']), 'x.png');
    return fetch(url, { method: 'POST', body: form });
  };
  expect((await post()).status).toBe(204);

  clock.advance(61_000);
  expect((await fetch(link)).status).toBe(403);
  expect((await post()).status).toBe(403);
});
