/** Tells queues what happened to objects, at least once: an event is stored before it happens. */
import { randomUUID } from 'node:crypto';
import { type Clock, createActivity } from '../clock/index.ts';
import type { Collection, Store } from '../store/index.ts';
import type { BucketModel, NotificationModel } from '../template/index.ts';
import { urlEncoded } from './xml.ts';

/** The object of an event; without size and ETag once it is gone. */
export type Subject = { bucket: string; key: string; sequencer: string; size?: number; etag?: string };

/** An event in the store, for each queue that asked for it. */
export type Announcement = {
  /** It happened: delivers it, in its own time. */
  send(): void;
  /** It did not happen after all. */
  drop(): Promise<void>;
};

export type Notifications = {
  /** A token greater than every one before. */
  sequencer(): string;
  /** @param event such as `ObjectCreated:Put` */
  prepare(event: string, subject: Subject): Promise<Announcement>;
  /**
   * Delivers what a killed process left, as far as it happened, and tests each new target.
   * @param sequencerOf of the object now under `bucket/key`
   */
  resume(sequencerOf: (name: string) => string | undefined): Promise<void>;
  /** Resolves when no delivery is under way. */
  idle(): Promise<void>;
};

/** An event on its way to a queue. */
type Notice = { queueArn: string; body: string; event: string; name: string; sequencer: string };

type Post = (queueArn: string, body: string) => Promise<void>;

type Options = {
  buckets: ReadonlyMap<string, BucketModel>;
  region: string;
  store: Store;
  clock: Clock;
  /** Puts a body into a queue. */
  notify: Post;
};

const retryMs = 20_000;

function wants({ events, prefix, suffix }: NotificationModel, event: string, key: string): boolean {
  const named = events.some((each) => {
    const wanted = each.replace(/^s3:/, '');
    return wanted.endsWith('*') ? event.startsWith(wanted.slice(0, -1)) : event === wanted;
  });
  return named && key.startsWith(prefix) && key.endsWith(suffix);
}

function eventBody(
  event: string,
  subject: Subject,
  bucket: BucketModel,
  region: string,
  time: number,
): string {
  const { key, size, etag, sequencer } = subject;
  const isLifecycle = event.startsWith('Lifecycle');
  const record = {
    eventVersion: isLifecycle ? '2.3' : '2.1',
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: new Date(time).toISOString(),
    eventName: event,
    userIdentity: { principalId: isLifecycle ? 's3.amazonaws.com' : 'local' },
    requestParameters: { sourceIPAddress: '127.0.0.1' },
    responseElements: { 'x-amz-request-id': randomUUID(), 'x-amz-id-2': randomUUID() },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: bucket.logicalId,
      bucket: { name: bucket.name, ownerIdentity: { principalId: 'local' }, arn: bucket.arn },
      object: { key: urlEncoded(key), size, eTag: etag, sequencer },
    },
  };
  return JSON.stringify({ Records: [record] });
}

function testBody(bucket: BucketModel, time: number): string {
  return JSON.stringify({
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: new Date(time).toISOString(),
    Bucket: bucket.name,
    RequestId: randomUUID(),
    HostId: randomUUID(),
  });
}

/** Whether what a notice tells is so, as the catalogue now stands. */
function happened({ event, sequencer }: Notice, current: string | undefined): boolean {
  if (event.startsWith('ObjectCreated')) return current === sequencer;
  return event === 'TestEvent' || current === undefined;
}

/** Delivers notices and tries again, later by the clock, what a queue refused. */
async function openOutbox({ store, clock, notify }: Options) {
  const notices = await store.collection<Notice>('s3-outbox');
  const activity = createActivity();

  async function deliver(id: string, { queueArn, body }: Notice) {
    try {
      await notify(queueArn, body);
    } catch {
      clock.after(retryMs, () => start(id));
      return;
    }
    await notices.delete(id);
  }
  function start(id: string) {
    const notice = notices.get(id);
    if (notice) void activity.during(() => deliver(id, notice));
  }
  return {
    notices,
    start,
    idle: activity.idle,
    /** @returns its id */
    async add(notice: Notice): Promise<string> {
      const id = randomUUID();
      await notices.put(id, notice);
      return id;
    },
  };
}

type Outbox = Awaited<ReturnType<typeof openOutbox>>;

/** Sends each target of a bucket a test event, once for ever. */
async function testTargets(bucket: BucketModel, tested: Collection<true>, outbox: Outbox, now: number) {
  for (const queueArn of new Set(bucket.notifications.map((each) => each.queueArn))) {
    const target = `${bucket.name} ${queueArn}`;
    if (tested.get(target)) continue;
    const body = testBody(bucket, now);
    const id = await outbox.add({ queueArn, body, event: 'TestEvent', name: '', sequencer: '' });
    await tested.put(target, true);
    outbox.start(id);
  }
}

export async function openNotifications(options: Options): Promise<Notifications> {
  const { buckets, region, store, clock } = options;
  const outbox = await openOutbox(options);
  const tested = await store.collection<true>('s3-tested-targets');
  let last = 0n;
  return {
    sequencer() {
      const now = BigInt(Math.floor(clock.now() * 1000));
      last = now > last ? now : last + 1n;
      return last.toString(16).toUpperCase().padStart(18, '0');
    },
    async prepare(event, subject) {
      const bucket = buckets.get(subject.bucket);
      const targets = bucket?.notifications.filter((each) => wants(each, event, subject.key)) ?? [];
      if (!bucket || targets.length === 0) return { send: () => {}, drop: async () => {} };
      const body = eventBody(event, subject, bucket, region, clock.now());
      const notice = { body, event, name: `${subject.bucket}/${subject.key}`, sequencer: subject.sequencer };
      const ids = await Promise.all(targets.map(({ queueArn }) => outbox.add({ queueArn, ...notice })));
      return {
        send: () => ids.forEach(outbox.start),
        drop: async () => void (await Promise.all(ids.map(outbox.notices.delete))),
      };
    },
    async resume(sequencerOf) {
      for (const [id, notice] of outbox.notices.entries()) {
        if (happened(notice, sequencerOf(notice.name))) outbox.start(id);
        else await outbox.notices.delete(id);
      }
      for (const bucket of buckets.values()) await testTargets(bucket, tested, outbox, clock.now());
    },
    idle: outbox.idle,
  };
}
