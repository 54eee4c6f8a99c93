/** Tells queues what happened to objects, at least once: an event is written down before it happens and struck out once it is told. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Store } from '../store.ts';
import type { BucketModel, NotificationModel } from '../template/model.ts';

/** The object an event is about; without size and ETag once it is gone. */
export type Subject = { bucket: string; key: string; sequencer: string; size?: number; etag?: string };

/** An event written down, for each queue that asked for it. */
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
   * Delivers what a killed process left, as far as it happened, and the test event of each new target.
   * @param sequencerOf of the object now under `bucket/key`
   */
  resume(sequencerOf: (name: string) => string | undefined): Promise<void>;
  /** Resolves when no delivery is under way. */
  idle(): Promise<void>;
};

type Letter = { queueArn: string; body: string; event: string; name: string; sequencer: string };

type Post = (queueArn: string, body: string) => Promise<void>;

const retryMs = 20_000;

function wants({ events, prefix, suffix }: NotificationModel, event: string, key: string): boolean {
  const named = events.some((each) => {
    const wanted = each.replace(/^s3:/, '');
    return wanted.endsWith('*') ? event.startsWith(wanted.slice(0, -1)) : event === wanted;
  });
  return named && key.startsWith(prefix) && key.endsWith(suffix);
}

/** As S3 encodes keys in events: a form's encoding, slashes left alone. */
const eventKey = (key: string) => encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+');

function eventBody(
  event: string,
  subject: Subject,
  bucket: BucketModel,
  region: string,
  time: number,
): string {
  const { key, size, etag, sequencer } = subject;
  const record = {
    eventVersion: event.startsWith('Lifecycle') ? '2.3' : '2.1',
    eventSource: 'aws:s3',
    awsRegion: region,
    eventTime: new Date(time).toISOString(),
    eventName: event,
    userIdentity: { principalId: event.startsWith('Lifecycle') ? 's3.amazonaws.com' : 'local' },
    requestParameters: { sourceIPAddress: '127.0.0.1' },
    responseElements: { 'x-amz-request-id': randomUUID(), 'x-amz-id-2': randomUUID() },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: bucket.logicalId,
      bucket: { name: bucket.name, ownerIdentity: { principalId: 'local' }, arn: bucket.arn },
      object: { key: eventKey(key), size, eTag: etag, sequencer },
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

/** Whether what a letter tells is so, as the catalogue now stands. */
function happened({ event, sequencer }: Letter, current: string | undefined): boolean {
  if (event.startsWith('ObjectCreated')) return current === sequencer;
  return event === 'TestEvent' || current === undefined;
}

/** Delivers letters and tries again, later by the clock, what a queue refused. */
async function openOutbox(store: Store, clock: Clock, notify: Post) {
  const letters = await store.collection<Letter>('s3-outbox');
  const underWay = new Set<Promise<void>>();

  async function deliver(id: string, letter: Letter) {
    try {
      await notify(letter.queueArn, letter.body);
    } catch {
      clock.after(retryMs, () => start(id, letter));
      return;
    }
    await letters.delete(id);
  }
  function start(id: string, letter: Letter) {
    const delivery = deliver(id, letter).finally(() => underWay.delete(delivery));
    underWay.add(delivery);
  }
  return {
    letters,
    start,
    async add(letter: Letter): Promise<[string, Letter]> {
      const id = randomUUID();
      await letters.put(id, letter);
      return [id, letter];
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}

/** @param notify puts a body into a queue */
export async function openNotifications(options: {
  buckets: ReadonlyMap<string, BucketModel>;
  region: string;
  store: Store;
  clock: Clock;
  notify: Post;
}): Promise<Notifications> {
  const { buckets, region, store, clock, notify } = options;
  const outbox = await openOutbox(store, clock, notify);
  const tested = await store.collection<true>('s3-tested-targets');
  let last = 0n;

  async function testTargets(bucket: BucketModel) {
    for (const queueArn of new Set(bucket.notifications.map((each) => each.queueArn))) {
      const target = `${bucket.name} ${queueArn}`;
      if (tested.get(target)) continue;
      const body = testBody(bucket, clock.now());
      const letter = await outbox.add({ queueArn, body, event: 'TestEvent', name: '', sequencer: '' });
      await tested.put(target, true);
      outbox.start(...letter);
    }
  }
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
      const name = `${subject.bucket}/${subject.key}`;
      const { sequencer } = subject;
      const letters = await Promise.all(
        targets.map(({ queueArn }) => outbox.add({ queueArn, body, event, name, sequencer })),
      );
      return {
        send: () => letters.forEach((letter) => void outbox.start(...letter)),
        drop: async () => void (await Promise.all(letters.map(([id]) => outbox.letters.delete(id)))),
      };
    },
    async resume(sequencerOf) {
      for (const [id, letter] of outbox.letters.entries()) {
        if (happened(letter, sequencerOf(letter.name))) outbox.start(id, letter);
        else await outbox.letters.delete(id);
      }
      for (const bucket of buckets.values()) await testTargets(bucket);
    },
    idle: outbox.idle,
  };
}
