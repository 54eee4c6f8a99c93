/** What the local S3 tells its queues, and what its lifecycle rules and a restart do. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { createStore } from '../store/index.ts';
import type { LifecycleRule, NotificationModel } from '../template/index.ts';
import { bucketModel, type OpenedS3, openS3, queueArn, type Setup } from './s3-setup.ts';

const Bucket = 'photos';
const hour = 3_600_000;
/** Ten in the morning. */
const start = Date.UTC(2026, 2, 2, 10);

const everything: NotificationModel = {
  events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:Delete', 's3:LifecycleExpiration:Delete'],
  prefix: '',
  suffix: '',
  queueArn,
};

const eventMessage = z.object({
  Records: z.array(
    z.object({
      eventVersion: z.string(),
      eventSource: z.literal('aws:s3'),
      awsRegion: z.literal('eu-central-1'),
      eventTime: z.iso.datetime(),
      eventName: z.string(),
      s3: z.object({
        bucket: z.object({ name: z.string(), arn: z.string() }),
        object: z.object({
          key: z.string(),
          size: z.number().optional(),
          eTag: z.string().optional(),
          sequencer: z.string().regex(/^[0-9A-F]+$/),
        }),
      }),
    }),
  ),
});

let folder: string;
let opened: OpenedS3[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-'));
  opened = [];
});
afterEach(async () => {
  for (const local of opened) await local.close({ keep: true });
  await rm(folder, { recursive: true });
  expect(opened.flatMap(({ faults }) => faults)).toEqual([]);
});

async function open(
  bucket: { notifications?: NotificationModel[]; lifecycle?: LifecycleRule[] },
  setup: Setup = {},
) {
  const local = await openS3({ buckets: [bucketModel(bucket)], folder, start, ...setup });
  opened.push(local);
  return local;
}

/** The events told so far, without test events. */
async function events({ s3, messages }: OpenedS3) {
  await s3.idle();
  return messages().flatMap((message) => eventMessage.safeParse(message).data?.Records ?? []);
}
const names = async (local: OpenedS3) =>
  (await events(local)).map(({ eventName, s3 }) => `${eventName} ${s3.object.key}`);

const put = (local: OpenedS3, Key: string, Tagging?: string) =>
  local.client().send(new PutObjectCommand({ Bucket, Key, Body: 'bytes', Tagging }));

const exists = (local: OpenedS3, Key: string) =>
  local
    .client()
    .send(new GetObjectCommand({ Bucket, Key }))
    .then(
      ({ Body }) => Body?.transformToString().then(() => true),
      () => false,
    );

describe('an event', () => {
  test('has the shape of those of S3, with the key encoded as in a form', async () => {
    const local = await open({ notifications: [everything] });
    const { ETag } = await put(local, 'a b/ü+c.png');
    expect(await events(local)).toEqual([
      expect.objectContaining({
        eventVersion: '2.1',
        eventName: 'ObjectCreated:Put',
        eventTime: expect.stringMatching(/^2026-03-02T10:00:/),
        s3: {
          bucket: { name: Bucket, arn: 'arn:aws:s3:::photos' },
          object: {
            key: 'a+b/%C3%BC%2Bc.png',
            size: 5,
            eTag: ETag?.replaceAll('"', ''),
            sequencer: expect.any(String),
          },
        },
      }),
    ]);
  });

  test('says how the object came and went', async () => {
    const local = await open({ notifications: [everything] });
    const client = local.client();
    await put(local, 'a');
    await client.send(new CopyObjectCommand({ Bucket, Key: 'b', CopySource: 'photos/a' }));
    const at = { Bucket, Key: 'c' };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    const part = { ...at, UploadId, PartNumber: 1, Body: 'x' };
    const { ETag } = await client.send(new UploadPartCommand(part));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));
    const { url, fields } = await createPresignedPost(client, { Bucket, Key: 'd', Expires: 9999 });
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob(['x']));
    await fetch(url, { method: 'POST', body: form });
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    expect(await names(local)).toEqual([
      'ObjectCreated:Put a',
      'ObjectCreated:Copy b',
      'ObjectCreated:CompleteMultipartUpload c',
      'ObjectCreated:Post d',
      'ObjectRemoved:Delete a',
    ]);
    const sequencers = (await events(local)).map(({ s3 }) => s3.object.sequencer);
    expect(sequencers).toEqual([...new Set(sequencers)].sort());
  });

  test('goes only where its kind, prefix and suffix are asked for', async () => {
    const only = { ...everything, events: ['s3:ObjectCreated:Put'], prefix: 'uploads/', suffix: '.png' };
    const local = await open({ notifications: [only] });
    for (const key of ['uploads/a.png', 'uploads/a.jpg', 'other/a.png']) await put(local, key);
    await local.client().send(new DeleteObjectCommand({ Bucket, Key: 'uploads/a.png' }));
    expect(await names(local)).toEqual(['ObjectCreated:Put uploads/a.png']);
  });

  test('of a write that was refused is never told', async () => {
    const local = await open({ notifications: [everything] });
    const write = () =>
      local.client().send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x', IfNoneMatch: '*' }));
    await Promise.allSettled([write(), write(), write()]);
    expect(await names(local)).toEqual(['ObjectCreated:Put a']);
  });

  test('that a queue refuses is told again later', async () => {
    let refusals = 2;
    const told: string[] = [];
    const notify = async (_queue: string, body: string) => {
      if (refusals-- > 0) throw new Error('no such queue');
      told.push(body);
    };
    const local = await open({ notifications: [everything] }, { notify });
    await put(local, 'a');
    await local.s3.idle();
    expect(told).toEqual([]);
    local.clock.advance(60_000);
    await local.s3.idle();
    expect(told).toHaveLength(2);
  });
});

test('a target gets one test event when it is first configured, and none after a restart', async () => {
  const store = createStore();
  const local = await open({ notifications: [everything, { ...everything, prefix: 'other/' }] }, { store });
  await local.s3.idle();
  expect(local.messages()).toEqual([
    expect.objectContaining({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket }),
  ]);
  const restarted = await open({ notifications: [everything] }, { store });
  await restarted.s3.idle();
  expect(restarted.messages()).toEqual([]);
});

describe('after a kill', () => {
  test('objects are there, leftovers are not, and events that were not told are', async () => {
    const store = createStore();
    const local = await open({ notifications: [everything] }, { store, notify: () => new Promise(() => {}) });
    await put(local, 'whole');
    await put(local, 'gone');
    await local.client().send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
    await writeFile(join(folder, 'incoming', 'unfinished'), 'x');
    await writeFile(join(folder, 'complete', 'forgotten'), 'x');
    opened.length = 0;
    await local.close({ keep: true, killed: true });

    const restarted = await open({ notifications: [everything] }, { store });
    expect(await exists(restarted, 'whole')).toBe(true);
    expect(await restarted.files()).toHaveLength(1);
    expect(await names(restarted)).toEqual(['ObjectCreated:Put whole', 'ObjectRemoved:Delete gone']);
  });

  test('an event that was written down for a write that never happened is forgotten', async () => {
    const store = createStore();
    const outbox = await store.collection('s3-outbox');
    const letter = { queueArn, body: '{}', event: 'ObjectCreated:Put', name: 'photos/a', sequencer: '1' };
    await outbox.put('1', letter);
    const local = await open({}, { store });
    await local.s3.idle();
    expect([local.messages(), outbox.entries()]).toEqual([[], []]);
  });
});

describe('lifecycle rules', () => {
  const rule = (changes: Partial<LifecycleRule>): LifecycleRule => ({
    id: 'r',
    prefix: '',
    tags: {},
    ...changes,
  });
  const stages = [
    rule({ prefix: 'uploads/', tags: { stage: 'upload' }, expirationDays: 1 }),
    rule({ tags: { stage: 'checkout' }, expirationDays: 30 }),
    rule({ abortIncompleteMultipartDays: 2 }),
  ];

  test('expire what they select, at the midnight after its days, and tell of it', async () => {
    const local = await open({ lifecycle: stages, notifications: [everything] });
    await put(local, 'uploads/a', 'stage=upload');
    await put(local, 'uploads/untagged');
    await put(local, 'elsewhere', 'stage=upload');
    local.clock.advance(37 * hour);
    expect(await local.s3.runLifecycle()).toEqual({ expired: [], aborted: [] });
    local.clock.advance(hour);
    await local.s3.runLifecycle();
    const there = ['uploads/a', 'uploads/untagged', 'elsewhere'].map((key) => exists(local, key));
    expect(await Promise.all(there)).toEqual([false, true, true]);
    const expiry = (await events(local)).at(-1);
    expect(expiry).toMatchObject({
      eventName: 'LifecycleExpiration:Delete',
      s3: { object: { key: 'uploads/a' } },
    });
    expect(expiry?.s3.object.size).toBeUndefined();
  });

  test('follow an object that is given other tags', async () => {
    const local = await open({ lifecycle: stages });
    await put(local, 'uploads/a', 'stage=upload');
    const Tagging = { TagSet: [{ Key: 'stage', Value: 'checkout' }] };
    await local.client().send(new PutObjectTaggingCommand({ Bucket, Key: 'uploads/a', Tagging }));
    local.clock.advance(48 * hour);
    await local.s3.runLifecycle();
    expect(await exists(local, 'uploads/a')).toBe(true);
    local.clock.advance(30 * 24 * hour);
    await local.s3.runLifecycle();
    expect(await exists(local, 'uploads/a')).toBe(false);
    expect(await local.files()).toEqual([]);
  });

  test('end uploads in parts that nobody completed', async () => {
    const local = await open({ lifecycle: stages });
    const client = local.client();
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'a' }));
    const part = new UploadPartCommand({ Bucket, Key: 'a', UploadId, PartNumber: 1, Body: 'x' });
    await client.send(part);
    local.clock.advance(62 * hour);
    await local.s3.runLifecycle();
    expect(await local.files()).toEqual([]);
    await expect(local.client().send(part)).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });

  test('run by themselves at every midnight of the clock', async () => {
    const heard = new Map<string, () => void>();
    const told = (key: string) => new Promise<void>((resolve) => heard.set(key, resolve));
    const notify = async (_queue: string, body: string) => {
      const [record] = eventMessage.safeParse(JSON.parse(body)).data?.Records ?? [];
      if (record?.eventName === 'LifecycleExpiration:Delete') heard.get(record.s3.object.key)?.();
    };
    const local = await open({ lifecycle: stages, notifications: [everything] }, { notify });
    for (const key of ['uploads/a', 'uploads/b']) {
      await put(local, key, 'stage=upload');
      const expired = told(key);
      local.clock.advance(48 * hour);
      await expired;
    }
  });
});
