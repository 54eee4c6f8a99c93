/**
 * What goes wrong is told as what it is: on their unhappy paths, too, steps may do what their SDK
 * then does.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ChangeMessageVisibilityCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  createClock,
  createCredentials,
  createGateway,
  createIam,
  createS3,
  createSqs,
  createStore,
  operator,
  type Sqs,
} from '@restoreclick/local-aws';
import { steps, synthesizeStack } from './synthesized.ts';

const stack = synthesizeStack();
const { model, step } = stack;
const { region, account } = model;
const clock = createClock();
const callers = model.functions.map(({ logicalId }) => logicalId);
const credentials = createCredentials({ secret: 'test', callers });
let folder: string;
let gateway: Awaited<ReturnType<typeof createGateway>>;
let s3: Awaited<ReturnType<typeof createS3>>;
let sqs: Sqs;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'restoreclick-rights-'));
  const policies = new Map(model.functions.map(({ logicalId, policy }) => [logicalId, policy]));
  const iam = createIam({ policies, account });
  const store = createStore();
  gateway = await createGateway({ credentials, iam, clock, log: () => undefined });
  s3 = await createS3({
    buckets: model.buckets,
    folder,
    store,
    clock,
    credentials,
    authorizeAs: iam.authorize,
    notify: async () => undefined,
    region,
  });
  sqs = await createSqs({ queues: model.queues, store, clock });
  gateway.serve('s3', s3.service);
  gateway.serve('sqs', sqs.service);
});
afterAll(async () => {
  stack.remove();
  sqs.close();
  await s3.stop();
  await gateway.stop();
  clock.stop();
  await rm(folder, { recursive: true, force: true });
});

/** How a caller reaches the local AWS: a step by its name, or the operator. */
function connection(caller: string) {
  const id = caller === operator.caller ? caller : step(caller).logicalId;
  return { endpoint: gateway.url, region, credentials: credentials.keyOf(id), maxAttempts: 1 };
}
const s3As = (caller: string) => new S3Client(connection(caller));

const bucketOf = (name: string) =>
  model.buckets.find(({ logicalId }) => logicalId.includes(name))?.name ?? 'none';
const temp = { Bucket: bucketOf('Temp'), Key: 'uploads/temp/none' };
const original = { Bucket: bucketOf('Originals'), Key: 'uploads/originals/none' };
const restored = { Bucket: bucketOf('Restored'), Key: 'uploads/restored/none' };
const archive = { Bucket: bucketOf('Restored'), Key: 'uploads/archives/none' };

const statusOf = (failing: Promise<unknown>) =>
  failing.then(
    () => 'done',
    (error: { $metadata?: { httpStatusCode?: number }; message: string }) =>
      error.$metadata?.httpStatusCode ?? error.message,
  );
const put = (place: { Bucket: string; Key: string }) =>
  s3As(operator.caller).send(new PutObjectCommand({ ...place, Body: 'a photo' }));

describe('a missing object is told as missing', () => {
  test.each([
    ['upload/record-upload', temp],
    ['payment/keep-original', temp],
    ['payment/keep-original', original],
    ['restoration/submit-job', original],
    ['restoration/store-restored', restored],
    ['email/send-email', restored],
    ['download/open-link', original],
    ['download/open-link', restored],
    ['download/open-link', archive],
    ['download/build-archive', restored],
    ['download/build-archive', archive],
  ])('to %s, which looks for %j', async (name, place) => {
    expect(await statusOf(s3As(name).send(new HeadObjectCommand(place)))).toBe(404);
    expect(await statusOf(s3As(name).send(new GetObjectCommand(place)))).toBe(404);
  });

  test('to create-checkout, which tags it', async () => {
    const Tagging = { TagSet: [{ Key: 'stage', Value: 'checkout' }] };
    const tagging = s3As('payment/create-checkout').send(new PutObjectTaggingCommand({ ...temp, Tagging }));
    expect(await statusOf(tagging)).toBe(404);
  });

  test('to record-upload, which deletes it all the same', async () => {
    expect(await statusOf(s3As('upload/record-upload').send(new DeleteObjectCommand(temp)))).toBe('done');
  });
});

describe('keep-original', () => {
  const copy = (from: string, to: string, condition = {}) =>
    s3As('payment/keep-original').send(
      new CopyObjectCommand({
        Bucket: original.Bucket,
        Key: `uploads/originals/${to}`,
        CopySource: `${temp.Bucket}/uploads/temp/${from}`,
        TaggingDirective: 'REPLACE',
        Tagging: '',
        IfNoneMatch: '*',
        ...condition,
      }),
    );

  test('hears that the photo is gone, was changed, or is there already', async () => {
    await put({ ...temp, Key: 'uploads/temp/copied' });
    await put({ ...original, Key: 'uploads/originals/kept' });
    expect(await statusOf(copy('none', 'new'))).toBe(404);
    expect(await statusOf(copy('copied', 'new', { CopySourceIfMatch: 'another' }))).toBe(412);
    expect(await statusOf(copy('copied', 'kept'))).toBe(412);
  });
});

/** Steps of which a file imports the SDK's uploads in parts. */
async function stepsThatUpload(): Promise<string[]> {
  const lambdas = join(import.meta.dirname, '../../lambdas');
  const files = (await readdir(lambdas, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(lambdas, file), 'utf8')));
  const importing = files.filter((_, index) => texts[index]?.includes("'@aws-sdk/lib-storage'"));
  return [...new Set(importing.map((file) => file.split('/').slice(0, 2).join('/')))];
}

describe('an upload in parts', () => {
  const uploaders = { 'restoration/store-restored': restored, 'download/build-archive': archive };
  const large = () => Readable.from([Buffer.alloc(4 * 1024 ** 2), Buffer.alloc(4 * 1024 ** 2)]);
  const upload = (name: string, place: { Bucket: string; Key: string }, Body: Readable) =>
    new Upload({ client: s3As(name), params: { ...place, Body, IfNoneMatch: '*' } }).done();

  test('is made by these steps', async () => {
    expect((await stepsThatUpload()).sort()).toEqual(Object.keys(uploaders).sort());
  });

  test.each(Object.entries(uploaders))('of %s ends with the answer that refused it', async (name, place) => {
    const taken = { ...place, Key: `${place.Key}-taken` };
    await put(taken);
    expect(await statusOf(upload(name, taken, large()))).toBe(412);
  });

  test.each(Object.entries(uploaders))('of %s ends with what broke its source', async (name, place) => {
    async function* broken() {
      yield* large();
      throw new Error('The source broke.');
    }
    expect(await statusOf(upload(name, place, Readable.from(broken())))).toBe('The source broke.');
  });
});

test.each(steps.queues)('%s may say when a message comes again', async (name) => {
  const { QUEUE_URL: QueueUrl = '' } = step(name).environment;
  const arn = model.queues.find(({ url }) => url === QueueUrl)?.arn ?? 'none';
  await sqs.send(arn, '{}');
  const client = new SQSClient({ ...connection(name), useQueueUrlAsEndpoint: false });
  const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl }));
  const change = client.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl,
      ReceiptHandle: Messages[0]?.ReceiptHandle,
      VisibilityTimeout: 20,
    }),
  );
  expect(await statusOf(change)).toBe('done');
});
