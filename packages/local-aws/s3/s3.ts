/** The local S3: the object calls of the REST API, path style. */
import type { Clock } from '../clock/index.ts';
import {
  type AwsAnswer,
  type AwsCall,
  AwsError,
  type AwsService,
  notImplemented,
  xmlRefusal,
} from '../gateway/index.ts';
import type { Store } from '../store/index.ts';
import type { BucketModel } from '../template/index.ts';
import { openBytes } from './bytes.ts';
import type { ObjectRecord, S3, S3Request, UploadRecord } from './catalogue.ts';
import { corsHeaders, preflight } from './cors.ts';
import { noSuchBucket } from './errors.ts';
import { type LifecycleRun, startLifecycle } from './lifecycle.ts';
import { openNotifications } from './notifications.ts';
import { postObject, type Signers } from './post-object.ts';
import { operationOf } from './routes.ts';

export type S3Options = Signers & {
  buckets: BucketModel[];
  /** Absolute path of the folder for the bytes. */
  folder: string;
  store: Store;
  clock: Clock;
  /** Puts a notification into a queue; rejects if it must be tried again. */
  notify(queueArn: string, body: string): Promise<void>;
  /** As events name it. */
  region?: string;
};

export type LocalS3 = {
  service: AwsService;
  /** Applies the lifecycle rules now; they also run at every midnight UTC of the clock. */
  runLifecycle(): Promise<LifecycleRun>;
  /** Resolves when no notification is being delivered. */
  idle(): Promise<void>;
  /** Stops the daily run and waits for deliveries under way. */
  stop(): Promise<void>;
};

const longestKey = 1024;

function decodeKey(encoded: string): string {
  let key: string;
  try {
    key = decodeURIComponent(encoded);
  } catch {
    throw new AwsError('InvalidURI', "Couldn't parse the specified URI.");
  }
  if (Buffer.byteLength(key) > longestKey) throw new AwsError('KeyTooLongError', 'Your key is too long');
  return key;
}

function readRequest(s3: S3, call: AwsCall): S3Request {
  const [, name = '', path = ''] = /^\/([^/]*)\/?(.*)$/s.exec(call.path) ?? [];
  if (name === '') throw notImplemented('S3', 'ListBuckets');
  const bucket = s3.buckets.get(name);
  if (!bucket) throw noSuchBucket(name);
  return { call, bucket, key: decodeKey(path), headers: call.headers };
}

function isForm({ call, key }: S3Request): boolean {
  const type = call.headers['content-type'] ?? '';
  return call.method === 'POST' && key === '' && type.toLowerCase().startsWith('multipart/form-data');
}

async function answer(s3: S3, signers: Signers, request: S3Request): Promise<AwsAnswer> {
  if (request.call.method === 'OPTIONS') return preflight(request);
  if (isForm(request)) return postObject(s3, request, signers);
  return operationOf(request)(s3, request);
}

/** Answers in S3's XML, refusals too, so that a page of another origin can read them. */
function createService(s3: S3, signers: Signers): AwsService {
  return async (call) => {
    let request: S3Request | undefined;
    let given: AwsAnswer;
    try {
      request = readRequest(s3, call);
      given = await answer(s3, signers, request);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const { body, ...refusal } = xmlRefusal(error, call.path);
      given = call.method === 'HEAD' || body === undefined ? refusal : { ...refusal, body };
    }
    return request ? { ...given, headers: { ...corsHeaders(request), ...given.headers } } : given;
  };
}

async function openS3(options: S3Options): Promise<S3> {
  const { store, clock, notify, folder, region = 'us-east-1' } = options;
  const buckets = new Map(options.buckets.map((bucket) => [bucket.name, bucket]));
  return {
    region,
    buckets,
    objects: await store.collection<ObjectRecord>('s3-objects'),
    uploads: await store.collection<UploadRecord>('s3-uploads'),
    bytes: await openBytes(folder),
    clock,
    notifications: await openNotifications({ buckets, region, store, clock, notify }),
  };
}

/** Removes the bytes that neither an object nor an unfinished upload holds. */
async function sweep({ objects, uploads, bytes }: S3): Promise<void> {
  const parts = uploads.entries().flatMap(([, upload]) => Object.values(upload.parts));
  const held = [...objects.entries().map(([, record]) => record), ...parts];
  await bytes.sweep(new Set(held.map(({ file }) => file)));
}

/** Clears what a killed process left, sends what it had not, and each new target its test event. */
export async function createS3(options: S3Options): Promise<LocalS3> {
  const s3 = await openS3(options);
  await sweep(s3);
  await s3.notifications.resume((name) => s3.objects.get(name)?.sequencer);
  const lifecycle = startLifecycle(s3);
  return {
    service: createService(s3, options),
    runLifecycle: lifecycle.run,
    idle: s3.notifications.idle,
    async stop() {
      await lifecycle.stop();
      await s3.notifications.idle();
    },
  };
}
