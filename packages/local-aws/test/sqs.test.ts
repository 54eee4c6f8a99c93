/** The local SQS, spoken to by the real client through the gateway. */

import {
  CancelMessageMoveTaskCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  ListQueuesCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Clock, createClock } from '../clock.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';
import { createIam } from '../gateway/iam.ts';
import { createCredentials } from '../gateway/signature.ts';
import { createSqs, type Sqs } from '../sqs/sqs.ts';
import { createStore, type Store } from '../store.ts';
import type { QueueModel } from '../template/model.ts';

const seconds = (n: number) => n * 1000;
const credentials = createCredentials({ secret: 'test', callers: ['Sender'] });

/** The gateway goes by the wall, so that moving the queues' clock ages no signature. */
const wall = createClock();

let clock: Clock;
let gateway: Gateway;
let store: Store;
let sqs: Sqs;
let operator: SQSClient;
let sender: SQSClient;
let work: QueueModel;
let grave: QueueModel;

const queue = (name: string, url: string, more: Partial<QueueModel> = {}): QueueModel => ({
  logicalId: name,
  name,
  arn: `arn:aws:sqs:us-east-1:000000000000:${name}`,
  url: `${url}/000000000000/${name}`,
  visibilityTimeoutSeconds: 30,
  delaySeconds: 0,
  retentionSeconds: 4 * 86_400,
  ...more,
});

const client = (caller: string) =>
  new SQSClient({
    region: 'us-east-1',
    endpoint: gateway.url,
    credentials: credentials.keyOf(caller),
    maxAttempts: 1,
  });

async function open() {
  sqs = await createSqs({ queues: [work, grave], store, clock });
  gateway.serve('sqs', sqs.service);
}

beforeEach(async () => {
  clock = createClock();
  const arn = 'arn:aws:sqs:us-east-1:000000000000:work';
  const iam = createIam({
    account: '000000000000',
    policies: new Map([
      ['Sender', [{ effect: 'Allow', actions: ['sqs:SendMessage'], resources: [arn], conditions: {} }]],
    ]),
  });
  gateway = await createGateway({ credentials, iam, clock: wall, log: console.error });
  grave = queue('grave', gateway.url, { retentionSeconds: 14 * 86_400 });
  work = queue('work', gateway.url, { redrive: { deadLetterArn: grave.arn, maxReceiveCount: 2 } });
  store = createStore();
  await open();
  operator = client('operator');
  sender = client('Sender');
});

afterEach(async () => {
  sqs.close();
  clock.stop();
  operator.destroy();
  sender.destroy();
  await gateway.stop();
});

const send = (body: string, more: { DelaySeconds?: number; MessageGroupId?: string } = {}) =>
  operator.send(new SendMessageCommand({ QueueUrl: work.url, MessageBody: body, ...more }));

async function receive(url = work.url, more: { WaitTimeSeconds?: number; VisibilityTimeout?: number } = {}) {
  const { Messages = [] } = await operator.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
      ...more,
    }),
  );
  return Messages;
}

const bodies = (messages: Message[]) => messages.map(({ Body }) => Body);

/** Receives as often as the redrive policy allows, letting each visibility pass. */
async function bury() {
  for (const _ of [1, 2]) {
    await receive();
    clock.advance(seconds(30));
  }
  await receive();
}

describe('sending and receiving', () => {
  test('a message arrives with its attributes and sums, and is gone once deleted', async () => {
    const sent = await operator.send(
      new SendMessageCommand({
        QueueUrl: work.url,
        MessageBody: 'Grüße, order 7',
        MessageAttributes: {
          kind: { DataType: 'String', StringValue: 'order' },
          raw: { DataType: 'Binary', BinaryValue: Buffer.from([1, 2, 3]) },
        },
      }),
    );
    const [message] = await receive();
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: 'Grüße, order 7',
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      Attributes: { ApproximateReceiveCount: '1', SenderId: 'operator' },
      MessageAttributes: { kind: { StringValue: 'order' } },
    });
    expect(message?.MessageAttributes?.raw?.BinaryValue).toEqual(new Uint8Array([1, 2, 3]));
    await operator.send(
      new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle: message?.ReceiptHandle }),
    );
    clock.advance(seconds(31));
    expect(await receive()).toEqual([]);
  });

  test('the sum over attributes is the one that SQS works out', async () => {
    const { MD5OfMessageAttributes } = await operator.send(
      new SendMessageCommand({
        QueueUrl: work.url,
        MessageBody: 'x',
        MessageAttributes: { timestamp: { DataType: 'Number', StringValue: '1493147359900' } },
      }),
    );
    expect(MD5OfMessageAttributes).toBe('235c5c510d26fb653d073faed50ae77c');
  });

  test('a received message is hidden for its visibility timeout and then comes again under a new handle', async () => {
    await send('a');
    const [first] = await receive();
    expect(await receive()).toEqual([]);
    clock.advance(seconds(30));
    const [second] = await receive();
    expect(second?.Attributes?.ApproximateReceiveCount).toBe('2');
    expect(second?.Attributes?.ApproximateFirstReceiveTimestamp).toBe(
      first?.Attributes?.ApproximateFirstReceiveTimestamp,
    );
    await operator.send(
      new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle: first?.ReceiptHandle }),
    );
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
    await operator.send(
      new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle: second?.ReceiptHandle }),
    );
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  test('two receivers at once never get the same message', async () => {
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((body) => send(body)));
    const both = await Promise.all([
      sqs.receive(work.arn, { max: 4, waitMs: 0 }),
      sqs.receive(work.arn, { max: 4, waitMs: 0 }),
    ]);
    expect(
      both
        .flat()
        .map(({ body }) => body)
        .sort(),
    ).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('a delayed message is received only after its delay', async () => {
    await send('later', { DelaySeconds: 900 });
    expect(await receive()).toEqual([]);
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 1 });
    clock.advance(seconds(900));
    expect(bodies(await receive())).toEqual(['later']);
  });

  test('a waiting receive gets a message as soon as it arrives', async () => {
    const waiting = receive(work.url, { WaitTimeSeconds: 20 });
    await send('now');
    expect(bodies(await waiting)).toEqual(['now']);
  });

  test('a waiting receive gets a delayed message as soon as its delay is over', async () => {
    await send('soon', { DelaySeconds: 10 });
    const waiting = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    clock.advance(seconds(10));
    expect((await waiting).map(({ body }) => body)).toEqual(['soon']);
  });

  test('a waiting receive ends with nothing when its time is over, or when it is called off', async () => {
    const waiting = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    clock.advance(seconds(20));
    expect(await waiting).toEqual([]);
    const calledOff = new AbortController();
    const other = sqs.receive(work.arn, { max: 1, waitMs: seconds(20), signal: calledOff.signal });
    calledOff.abort();
    expect(await other).toEqual([]);
  });

  test('a message given back is visible at once, one no longer in flight cannot be given back', async () => {
    await send('a');
    const [message] = await receive();
    const giveBack = new ChangeMessageVisibilityCommand({
      QueueUrl: work.url,
      ReceiptHandle: message?.ReceiptHandle,
      VisibilityTimeout: 0,
    });
    await operator.send(giveBack);
    await expect(operator.send(giveBack)).rejects.toMatchObject({ name: 'MessageNotInflight' });
    expect(bodies(await receive())).toEqual(['a']);
  });

  test('groups with less in flight go first, so that a big order does not starve a small one', async () => {
    for (const body of ['big 1', 'big 2', 'big 3']) await send(body, { MessageGroupId: 'big' });
    await send('small 1', { MessageGroupId: 'small' });
    const [first] = await sqs.receive(work.arn, { max: 1, waitMs: 0 });
    const [second] = await sqs.receive(work.arn, { max: 1, waitMs: 0 });
    expect([first?.body, second?.body]).toEqual(['big 1', 'small 1']);
    expect(second?.attributes.MessageGroupId).toBe('small');
  });

  test('a message older than the retention is gone', async () => {
    await send('old');
    clock.advance(seconds(work.retentionSeconds));
    expect(await receive()).toEqual([]);
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  test('messages survive a restart, and those in flight come again when their visibility ends', async () => {
    await send('kept');
    await receive();
    await send('waiting');
    sqs.close();
    await open();
    expect(bodies(await receive())).toEqual(['waiting']);
    clock.advance(seconds(30));
    expect(bodies(await receive())).toEqual(['kept', 'waiting']);
  });

  test('idle waits for visible, delayed and in-flight messages, but not for dead letters', async () => {
    await sqs.send(grave.arn, 'dead');
    await send('a');
    let idle = false;
    const whenIdle = sqs.idle().then(() => {
      idle = true;
    });
    const [message] = await receive();
    expect(idle).toBe(false);
    await sqs.delete(work.arn, message?.ReceiptHandle ?? '');
    await whenIdle;
  });
});

describe('batches', () => {
  test('a wrong entry fails alone', async () => {
    const { Successful, Failed } = await operator.send(
      new SendMessageBatchCommand({
        QueueUrl: work.url,
        Entries: [
          { Id: 'good', MessageBody: 'a' },
          { Id: 'late', MessageBody: 'b', DelaySeconds: 901 },
          { Id: 'empty', MessageBody: '' },
        ],
      }),
    );
    expect(Successful?.map(({ Id }) => Id)).toEqual(['good']);
    expect(Failed?.map(({ Id, Code }) => [Id, Code])).toEqual([
      ['late', 'InvalidParameterValue'],
      ['empty', 'MissingParameter'],
    ]);
  });

  test('a batch is deleted at once', async () => {
    await Promise.all([send('a'), send('b')]);
    const messages = await receive();
    const Entries = messages.map(({ MessageId, ReceiptHandle }) => ({ Id: MessageId, ReceiptHandle }));
    const { Successful } = await operator.send(
      new DeleteMessageBatchCommand({ QueueUrl: work.url, Entries }),
    );
    expect(Successful).toHaveLength(2);
    expect(sqs.counts(work.arn).inFlight).toBe(0);
  });

  test.each([
    ['no entry', 0, 'a', 'EmptyBatchRequest'],
    ['eleven entries', 11, 'a', 'TooManyEntriesInBatchRequest'],
    ['more than 1 MiB in all', 2, 'a'.repeat(600_000), 'BatchRequestTooLong'],
  ])('%s is refused', async (_, count, body, name) => {
    const Entries = Array.from({ length: count }, (__, i) => ({ Id: `e${i}`, MessageBody: body }));
    const command = new SendMessageBatchCommand({ QueueUrl: work.url, Entries });
    await expect(operator.send(command)).rejects.toMatchObject({ name });
  });

  test('entries with the same id are refused', async () => {
    const Entries = [1, 2].map(() => ({ Id: 'same', MessageBody: 'a' }));
    const command = new SendMessageBatchCommand({ QueueUrl: work.url, Entries });
    await expect(operator.send(command)).rejects.toMatchObject({ name: 'BatchEntryIdsNotDistinct' });
  });
});

describe('refusals', () => {
  test('a message may have 1 MiB, and no byte more', async () => {
    await send('a'.repeat(1024 * 1024));
    await expect(send('a'.repeat(1024 * 1024 + 1))).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  test('a body with a control character is refused', async () => {
    await expect(send('a\u0000b')).rejects.toMatchObject({ name: 'InvalidMessageContents' });
  });

  test('a delay of more than 15 minutes is refused', async () => {
    await expect(send('a', { DelaySeconds: 901 })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('DelaySeconds'),
    });
  });

  test('an unknown queue is told apart by its error', async () => {
    const command = new SendMessageCommand({
      QueueUrl: `${gateway.url}/000000000000/none`,
      MessageBody: 'a',
    });
    await expect(operator.send(command)).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
    await expect(operator.send(new GetQueueUrlCommand({ QueueName: 'none' }))).rejects.toMatchObject({
      name: 'QueueDoesNotExist',
    });
  });

  test('a handle that is none, or of another queue, is refused', async () => {
    await sqs.send(grave.arn, 'dead');
    const [dead] = await sqs.receive(grave.arn, { max: 1, waitMs: 0 });
    for (const ReceiptHandle of ['nonsense', dead?.receiptHandle]) {
      const command = new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle });
      await expect(operator.send(command)).rejects.toMatchObject({ name: 'ReceiptHandleIsInvalid' });
    }
  });

  test('a caller may do what its policy allows and nothing else', async () => {
    await sender.send(new SendMessageCommand({ QueueUrl: work.url, MessageBody: 'a' }));
    await expect(sender.send(new ReceiveMessageCommand({ QueueUrl: work.url }))).rejects.toMatchObject({
      message: expect.stringContaining('sqs:ReceiveMessage'),
    });
    await expect(
      sender.send(new SendMessageCommand({ QueueUrl: grave.url, MessageBody: 'a' })),
    ).rejects.toMatchObject({ message: expect.stringContaining('not authorized') });
  });

  test('what the local SQS does not know is named, never ignored', async () => {
    const command = new SendMessageCommand({
      QueueUrl: work.url,
      MessageBody: 'a',
      MessageDeduplicationId: 'x',
    });
    await expect(operator.send(command)).rejects.toMatchObject({
      message: expect.stringContaining('MessageDeduplicationId'),
    });
  });
});

describe('queues', () => {
  test('they are listed, found by name, described and emptied', async () => {
    await Promise.all([send('a'), send('b', { DelaySeconds: 5 })]);
    expect((await operator.send(new ListQueuesCommand({}))).QueueUrls).toEqual([work.url, grave.url]);
    expect((await operator.send(new GetQueueUrlCommand({ QueueName: 'work' }))).QueueUrl).toBe(work.url);
    const describeAll = new GetQueueAttributesCommand({ QueueUrl: work.url, AttributeNames: ['All'] });
    expect((await operator.send(describeAll)).Attributes).toMatchObject({
      QueueArn: work.arn,
      ApproximateNumberOfMessages: '1',
      ApproximateNumberOfMessagesDelayed: '1',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: grave.arn, maxReceiveCount: 2 }),
    });
    const sources = new ListDeadLetterSourceQueuesCommand({ QueueUrl: grave.url });
    expect((await operator.send(sources)).queueUrls).toEqual([work.url]);
    await operator.send(new PurgeQueueCommand({ QueueUrl: work.url }));
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });
});

describe('dead letters', () => {
  test('a message received too often moves to the dead-letter queue and keeps its time of sending', async () => {
    await send('broken');
    const [first] = await receive(work.url, { VisibilityTimeout: 0 });
    await bury();
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    const [dead] = await receive(grave.url);
    expect(dead).toMatchObject({
      MessageId: first?.MessageId,
      Body: 'broken',
      Attributes: {
        SentTimestamp: first?.Attributes?.SentTimestamp,
        DeadLetterQueueSourceArn: work.arn,
      },
    });
  });

  test('redriving sends them back to where they came from, as new', async () => {
    await send('broken');
    await bury();
    const back = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    await operator.send(new StartMessageMoveTaskCommand({ SourceArn: grave.arn }));
    const [message] = await back;
    expect(message).toMatchObject({ body: 'broken', attributes: { ApproximateReceiveCount: '1' } });
    const { Results } = await operator.send(new ListMessageMoveTasksCommand({ SourceArn: grave.arn }));
    expect(Results).toMatchObject([
      { Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1, ApproximateNumberOfMessagesToMove: 1 },
    ]);
  });

  test('one task at a time, at the speed asked for, until it is cancelled', async () => {
    for (const body of ['a', 'b', 'c']) await sqs.send(grave.arn, body);
    const start = new StartMessageMoveTaskCommand({
      SourceArn: grave.arn,
      DestinationArn: work.arn,
      MaxNumberOfMessagesPerSecond: 1,
    });
    const arrived = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    const { TaskHandle } = await operator.send(start);
    await expect(operator.send(start)).rejects.toMatchObject({ name: 'UnsupportedOperation' });
    await arrived;
    const cancelled = await operator.send(new CancelMessageMoveTaskCommand({ TaskHandle }));
    expect(cancelled.ApproximateNumberOfMessagesMoved).toBe(1);
    clock.advance(seconds(10));
    const { Results } = await operator.send(new ListMessageMoveTasksCommand({ SourceArn: grave.arn }));
    expect(Results).toMatchObject([{ Status: 'CANCELLED' }]);
    expect(sqs.counts(grave.arn).visible).toBe(2);
  });

  test('a running task goes on after a restart', async () => {
    for (const body of ['a', 'b']) await sqs.send(grave.arn, body);
    const arrived = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    await operator.send(
      new StartMessageMoveTaskCommand({
        SourceArn: grave.arn,
        DestinationArn: work.arn,
        MaxNumberOfMessagesPerSecond: 1,
      }),
    );
    await arrived;
    sqs.close();
    await open();
    const [second] = await sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    expect(second?.body).toBe('b');
  });

  test('a message that was sent there directly has nowhere to go back to', async () => {
    await sqs.send(grave.arn, 'stray');
    await operator.send(new StartMessageMoveTaskCommand({ SourceArn: grave.arn }));
    const { Results } = await operator.send(new ListMessageMoveTasksCommand({ SourceArn: grave.arn }));
    expect(Results).toMatchObject([{ Status: 'FAILED', FailureReason: 'CouldNotDetermineMessageSource' }]);
  });

  test('only a dead-letter queue can be redriven', async () => {
    const command = new StartMessageMoveTaskCommand({ SourceArn: work.arn, DestinationArn: grave.arn });
    await expect(operator.send(command)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });
});
