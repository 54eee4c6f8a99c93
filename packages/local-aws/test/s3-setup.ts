/**
 * A local S3 behind the real gateway, with clients of several callers, for the tests of each of its
 * parts.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3';
import { createClock } from '../clock/index.ts';
import { createCredentials, createGateway, createIam } from '../gateway/index.ts';
import { createS3 } from '../s3/index.ts';
import { createStore, type Store } from '../store/index.ts';
import type { BucketModel, PolicyStatement } from '../template/index.ts';

export const queueArn = 'arn:aws:sqs:eu-central-1:000000000000:arrivals';

/** A bucket named `photos` unless `changes` say otherwise. */
export function bucketModel(changes: Partial<BucketModel> = {}): BucketModel {
  const name = changes.name ?? 'photos';
  return {
    logicalId: 'Photos',
    name,
    arn: `arn:aws:s3:::${name}`,
    lifecycle: [],
    cors: [],
    notifications: [],
    ...changes,
  };
}

export function allow(
  actions: string[],
  resources: string[],
  conditions: PolicyStatement['conditions'] = {},
): PolicyStatement {
  return { effect: 'Allow', actions, resources, conditions };
}

/**
 * What a test may say of its S3; a second one over the same `store` and `folder` is the first one
 * restarted.
 */
export type Setup = {
  buckets?: BucketModel[];
  policies?: Record<string, PolicyStatement[]>;
  store?: Store;
  folder?: string;
  start?: number;
  notify?: (queueArn: string, body: string) => Promise<void>;
  /** Hears of every call as it begins, and when it is answered or has failed. */
  onCall?: (answered: Promise<unknown>) => void;
};

export async function openS3(setup: Setup = {}) {
  const { buckets = [bucketModel()], policies = {}, store = createStore() } = setup;
  const folder = setup.folder ?? (await mkdtemp(join(tmpdir(), 's3-')));
  const clock = createClock(setup.start === undefined ? {} : { start: setup.start });
  const credentials = createCredentials({ secret: 'test', callers: Object.keys(policies) });
  const iam = createIam({ policies: new Map(Object.entries(policies)), account: '000000000000' });
  const messages: string[] = [];
  const faults: string[] = [];
  const gateway = await createGateway({ credentials, iam, clock, log: (line) => faults.push(line) });
  const s3 = await createS3({
    buckets,
    folder,
    store,
    clock,
    credentials,
    authorizeAs: iam.authorize,
    notify: setup.notify ?? (async (_queue, body) => void messages.push(body)),
    region: 'eu-central-1',
  });
  gateway.serve('s3', (call) => {
    const answer = s3.service(call);
    setup.onCall?.(Promise.allSettled([answer]));
    return answer;
  });
  const clients: S3Client[] = [];
  return {
    s3,
    clock,
    folder,
    store,
    url: gateway.url,
    keyOf: credentials.keyOf,
    /** What the target queues got, parsed. */
    messages: () => messages.map((body): unknown => JSON.parse(body)),
    /** What went wrong inside, which should be nothing. */
    faults,
    files: async () => [
      ...(await readdir(join(folder, 'complete'))),
      ...(await readdir(join(folder, 'incoming'))),
    ],
    /** @param caller `operator` may do everything */
    client(caller = 'operator') {
      const { accessKeyId, secretAccessKey } = credentials.keyOf(caller);
      const client = new S3Client({
        region: 'eu-central-1',
        endpoint: gateway.url,
        credentials: { accessKeyId, secretAccessKey },
        maxAttempts: 1,
      });
      clients.push(client);
      return client;
    },
    /** @param options whether to keep the folder, and not to wait for deliveries */
    async close({ keep = false, killed = false } = {}) {
      for (const client of clients) client.destroy();
      await gateway.stop();
      if (!killed) await s3.stop();
      clock.stop();
      if (!keep) await rm(folder, { recursive: true });
    },
  };
}

export type OpenedS3 = Awaited<ReturnType<typeof openS3>>;

/** What an SDK's error looks like. */
export const refused = (name: string, status: number) => ({ name, $metadata: { httpStatusCode: status } });

/** The calls most tests make, on the bucket `photos`. */
export function shortCalls(local: () => OpenedS3) {
  const Bucket = 'photos';
  const get = (Key: string, more: Partial<GetObjectCommandInput> = {}, caller?: string) =>
    local()
      .client(caller)
      .send(new GetObjectCommand({ Bucket, Key, ...more }));
  return {
    get,
    put: (Key: string, Body: string | Buffer, more: Partial<PutObjectCommandInput> = {}, caller?: string) =>
      local()
        .client(caller)
        .send(new PutObjectCommand({ Bucket, Key, Body, ...more })),
    text: async (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
      (await get(Key, more)).Body?.transformToString(),
  };
}
