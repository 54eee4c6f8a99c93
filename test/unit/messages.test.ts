import { ChangeMessageVisibilityCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { DatabaseResuming } from '../../lambdas/platform/database.ts';
import { internalError, permanentFailure, retryLater } from '../../lambdas/platform/errors.ts';
import { queueHandler, send, sendLater } from '../../lambdas/platform/messages.ts';
import { capturedLog, sqsEvent } from './aws.ts';

let log: ReturnType<typeof capturedLog>;
beforeEach(() => {
  log = capturedLog();
});
afterEach(() => void jest.restoreAllMocks());

describe('a queue step', () => {
  const numbers = z.object({ n: z.number() });

  test('is called once for each message', async () => {
    const seen: number[] = [];
    const handler = queueHandler(numbers, async ({ n }) => void seen.push(n));
    expect(await handler(sqsEvent({ n: 1 }, { n: 2 }))).toEqual({ batchItemFailures: [] });
    expect(seen).toEqual([1, 2]);
  });

  test('hands back the messages that failed, and only those', async () => {
    const done: number[] = [];
    const handler = queueHandler(numbers, async ({ n }) => {
      if (n % 2 === 0) throw internalError('odd_only', 'Even numbers fail.');
      done.push(n);
    });
    const { batchItemFailures } = await handler(sqsEvent({ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }));
    expect(batchItemFailures).toEqual([{ itemIdentifier: 'message-1' }, { itemIdentifier: 'message-3' }]);
    expect(done).toEqual([1, 3]);
    expect(log.lines()).toMatchObject([
      { level: 'error', messageId: 'message-1', code: 'odd_only', reason: 'Even numbers fail.' },
      { messageId: 'message-3' },
    ]);
  });

  test.each([
    ['no JSON', 'customer@example.com'],
    ['nothing', ''],
    ['another shape', '{"email":"customer@example.com"}'],
    ['another type', '{"n":"customer@example.com"}'],
    ['null', 'null'],
  ])('hands back a message of %s without a call, and does not log what it held', async (_what, body) => {
    const step = jest.fn(async () => {});
    expect((await queueHandler(numbers, step)(sqsEvent(body))).batchItemFailures).toHaveLength(1);
    expect(step).not.toHaveBeenCalled();
    expect(log.text()).toContain('message failed');
    expect(log.text()).not.toContain('customer');
  });

  test('does not log a provider’s refusal, which may repeat what the customer typed', async () => {
    const handler = queueHandler(numbers, async () => {
      throw permanentFailure('payment_refused', 'Invalid email address: customer@example.com');
    });
    await handler(sqsEvent({ n: 1 }));
    expect(log.lines()).toMatchObject([{ code: 'payment_refused' }]);
    expect(log.text()).not.toContain('customer');
  });

  test('fails like any other when it throws what is no error', async () => {
    const handler = queueHandler(numbers, () => Promise.reject('just so'));
    expect((await handler(sqsEvent({ n: 1 }))).batchItemFailures).toHaveLength(1);
  });
});

describe('a message that may work a little later', () => {
  const changed: ChangeMessageVisibilityCommand['input'][] = [];
  let refusal: Error | undefined;
  beforeEach(() => {
    changed.length = 0;
    refusal = undefined;
    process.env.QUEUE_URL = 'q';
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    jest.spyOn(SQSClient.prototype, 'send').mockImplementation(async (command: object) => {
      if (!(command instanceof ChangeMessageVisibilityCommand)) throw new Error('another command');
      changed.push(command.input);
      if (refusal) throw refusal;
      return {};
    });
  });
  afterEach(() => {
    delete process.env.QUEUE_URL;
  });
  async function fail(error: unknown, receiveCount = 1) {
    const event = sqsEvent({});
    for (const { attributes } of event.Records) attributes.ApproximateReceiveCount = String(receiveCount);
    const { batchItemFailures } = await queueHandler(z.object({}), () => Promise.reject(error))(event);
    expect(batchItemFailures).toHaveLength(1);
    return changed.map(({ VisibilityTimeout }) => VisibilityTimeout);
  }

  test.each([
    [1, 20],
    [2, 60],
    [3, 180],
    [4, 540],
    [5, 1620],
    [9, 1800],
  ])('at delivery %d comes again after %d s', async (receiveCount, seconds) => {
    expect(await fail(new DatabaseResuming(), receiveCount)).toEqual([seconds]);
    expect(changed).toMatchObject([{ QueueUrl: 'q', ReceiptHandle: 'receipt' }]);
  });

  test('waits as long as a provider asks for', async () => {
    expect(await fail(retryLater('provider_throttled', 'Slow down.', { retryAfterSeconds: 45 }))).toEqual([
      45,
    ]);
  });

  test('comes again in its time when it failed otherwise, or its queue is not known', async () => {
    await fail(internalError('x', 'X.'));
    await fail(permanentFailure('x', 'X.'));
    await fail(new Error('x'));
    delete process.env.QUEUE_URL;
    expect(await fail(new DatabaseResuming())).toEqual([]);
  });

  test('fails no harder when SQS refuses', async () => {
    refusal = Object.assign(new Error('no'), { name: 'AccessDenied' });
    await fail(new DatabaseResuming());
    expect(log.lines()).toMatchObject([{ message: 'message failed' }, { error: 'AccessDenied' }]);
  });
});

describe('a message that comes early', () => {
  const sent: SendMessageBatchCommand['input'][] = [];
  let refusal: Error | undefined;
  const step = jest.fn<(message: { n: number }) => Promise<void>>(async () => {});
  const ahead = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  beforeEach(() => {
    sent.length = 0;
    refusal = undefined;
    step.mockClear();
    process.env.QUEUE_URL = 'q';
    jest.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
    jest.spyOn(SQSClient.prototype, 'send').mockImplementation(async (command: object) => {
      if (!(command instanceof SendMessageBatchCommand)) throw new Error('another command');
      if (refusal) throw refusal;
      sent.push(command.input);
      return {};
    });
  });
  afterEach(() => {
    delete process.env.QUEUE_URL;
    jest.useRealTimers();
  });
  async function receive(body: object, groupId?: string) {
    const event = sqsEvent(body);
    for (const { attributes } of event.Records)
      if (groupId) Object.assign(attributes, { MessageGroupId: groupId });
    return (await queueHandler(z.object({ n: z.number() }), step)(event)).batchItemFailures.length;
  }

  test.each([
    [0.5, 1],
    [40, 40],
    [900, 900],
    [86_400, 900],
  ])('by %d s goes back to its queue for %d s, and its step is not called', async (rest, delay) => {
    const message = { n: 1, notBefore: ahead(rest) };
    expect(await receive(message, 'order')).toBe(0);
    expect(step).not.toHaveBeenCalled();
    expect(sent).toMatchObject([
      { QueueUrl: 'q', Entries: [{ DelaySeconds: delay, MessageGroupId: 'order' }] },
    ]);
    expect(JSON.parse(sent[0]?.Entries?.[0]?.MessageBody ?? '')).toEqual(message);
  });

  test.each([
    ['is due', () => ahead(0)],
    ['was due', () => ahead(-5)],
    ['names no time', () => 'soon'],
  ])('not, because it %s: its step is called', async (_what, notBefore) => {
    expect(await receive({ n: 1, notBefore: notBefore() })).toBe(0);
    expect(step).toHaveBeenCalledWith({ n: 1 });
    expect(sent).toEqual([]);
  });

  test('is received again when it could not be sent', async () => {
    refusal = new Error('SQS is away');
    expect(await receive({ n: 1, notBefore: ahead(60) })).toBe(1);
    expect(step).not.toHaveBeenCalled();
  });

  test('is made by sendLater, which never asks for a delay that SQS does not know', async () => {
    for (const rest of [-10, 12.2, 5000]) await sendLater('q', { n: 1 }, new Date(ahead(rest)));
    expect(sent.map(({ Entries }) => Entries?.[0]?.DelaySeconds)).toEqual([0, 13, 900]);
    expect(sent[0]?.Entries?.[0]).not.toHaveProperty('MessageGroupId');
  });
});

describe('sending', () => {
  const batches: SendMessageBatchCommand['input'][] = [];
  let refuse: (batch: number) => { Id: string; Code: string; SenderFault: boolean }[] = () => [];
  beforeEach(() => {
    batches.length = 0;
    refuse = () => [];
    jest.spyOn(SQSClient.prototype, 'send').mockImplementation(async (command: object) => {
      if (!(command instanceof SendMessageBatchCommand)) throw new Error('another command');
      batches.push(command.input);
      return { Failed: refuse(batches.length) };
    });
  });
  const many = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));

  test('nothing calls nobody', async () => {
    await send('q', []);
    expect(batches).toEqual([]);
  });

  test.each([
    [1, [1]],
    [10, [10]],
    [11, [10, 1]],
    [100, Array(10).fill(10)],
  ])('%d messages takes batches of at most ten, in order', async (count, sizes) => {
    await send('q', many(count));
    expect(batches.map(({ Entries = [] }) => Entries.length)).toEqual(sizes);
    const bodies = batches.flatMap(({ Entries = [] }) => Entries.map(({ MessageBody }) => MessageBody));
    expect(bodies).toEqual(many(count).map((message) => JSON.stringify(message)));
    for (const { Entries = [] } of batches)
      expect(new Set(Entries.map(({ Id }) => Id)).size).toBe(Entries.length);
  });

  test('says whose they are and how long they wait, if it is told', async () => {
    await send('q', many(1), { groupId: 'order', delaySeconds: 0 });
    await send('q', many(1));
    expect(batches[0]?.Entries?.[0]).toMatchObject({ MessageGroupId: 'order', DelaySeconds: 0 });
    expect(Object.keys(batches[1]?.Entries?.[0] ?? {}).sort()).toEqual(['Id', 'MessageBody']);
  });

  test('fails when a single one is refused, so that the step comes again', async () => {
    refuse = (batch) => (batch === 2 ? [{ Id: '0', Code: 'InternalError', SenderFault: false }] : []);
    await expect(send('q', many(25))).rejects.toThrow('SQS refused 1 of 10 messages: InternalError.');
  });
});
