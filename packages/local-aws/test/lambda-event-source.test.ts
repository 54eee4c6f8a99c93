/** Queues reach their functions as through Lambda's own pollers. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Clock, createClock } from '../clock/index.ts';
import { createEventSource, type EventSource, type LambdaResult } from '../lambda/index.ts';
import { createSqs, type Sqs } from '../sqs/index.ts';
import { createStore } from '../store/index.ts';
import type { EventSourceModel, QueueModel } from '../template/index.ts';

const arn = 'arn:aws:sqs:us-east-1:000000000000:jobs';
const queue: QueueModel = {
  logicalId: 'Jobs',
  name: 'jobs',
  arn,
  url: 'http://127.0.0.1/000000000000/jobs',
  visibilityTimeoutSeconds: 60,
  delaySeconds: 0,
  retentionSeconds: 3600,
};
type Event = { Records: { messageId: string; body: string; attributes: Record<string, string> }[] };

let clock: Clock;
let sqs: Sqs;
let source: EventSource;
let log: string[];

beforeEach(async () => {
  clock = createClock();
  sqs = await createSqs({ queues: [queue], store: createStore(), clock });
  log = [];
});
afterEach(async () => {
  await source.stop();
  sqs.close();
  clock.stop();
});

function deliverTo(
  handler: (event: Event) => Promise<LambdaResult>,
  given: Partial<EventSourceModel> = {},
): EventSource {
  const model = {
    functionId: 'Submit',
    queueArn: arn,
    batchSize: 10,
    reportBatchItemFailures: true,
    ...given,
  };
  return createEventSource({
    model,
    source: sqs,
    clock,
    region: 'us-east-1',
    log: (line) => log.push(line),
    iam: { isAllowed: () => true },
    invoke: async (id, event) => {
      expect(id).toBe('Submit');
      return handler(event as Event);
    },
  });
}
const sendAll = (...bodies: string[]) => Promise.all(bodies.map((body) => sqs.send(arn, body)));
const payload = (value: unknown = null): LambdaResult => ({ payload: value });
/** Resolves at the queue's first change after which `holds` is true. */
const until = (holds: () => boolean) =>
  new Promise<void>((resolve) => {
    const stop = sqs.onChange(() => {
      if (!holds()) return;
      stop();
      resolve();
    });
  });

test('a message arrives in the shape of SQS events, and is deleted when it is done', async () => {
  const events: Event[] = [];
  await sqs.send(arn, '{"id":1}', { attributes: { stage: { DataType: 'String', StringValue: 'test' } } });
  source = deliverTo(async (event) => {
    events.push(event);
    return payload();
  });
  await sqs.idle();
  expect(events).toEqual([
    {
      Records: [
        {
          messageId: expect.any(String),
          receiptHandle: expect.any(String),
          body: '{"id":1}',
          md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
          attributes: expect.objectContaining({
            ApproximateReceiveCount: '1',
            SentTimestamp: expect.any(String),
          }),
          messageAttributes: {
            stage: { stringValue: 'test', stringListValues: [], binaryListValues: [], dataType: 'String' },
          },
          eventSource: 'aws:sqs',
          eventSourceARN: arn,
          awsRegion: 'us-east-1',
        },
      ],
    },
  ]);
});

test('a batch holds no more than batchSize messages', async () => {
  const sizes: number[] = [];
  await sendAll('a', 'b', 'c', 'd', 'e');
  source = deliverTo(
    async ({ Records }) => {
      sizes.push(Records.length);
      return payload();
    },
    { batchSize: 2 },
  );
  await sqs.idle();
  expect(sizes.sort()).toEqual([1, 2, 2]);
});

test('no more than maxConcurrency batches are under way at once', async () => {
  let [now, most] = [0, 0];
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  await sendAll(...'abcdefgh');
  source = deliverTo(
    async () => {
      now += 1;
      most = Math.max(most, now);
      // The first wait for the third, and then as long as a fourth would take to come.
      if (now === 3) for (let turns = 0; turns < 10; turns += 1) await setImmediate();
      if (now >= 3) open();
      await gate;
      now -= 1;
      return payload();
    },
    { batchSize: 1, maxConcurrency: 3 },
  );
  await sqs.idle();
  expect(most).toBe(3);
});

describe('what failed comes again after the visibility timeout, what succeeded does not', () => {
  const failures = (...ids: unknown[]) => ({
    batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })),
  });
  test.each<[string, (first: string) => unknown, number]>([
    ['nothing reported', () => null, 2],
    ['an empty answer', () => ({}), 2],
    ['an empty list', () => failures(), 2],
    ['null for the list', () => ({ batchItemFailures: null }), 2],
    ['one message', (first) => failures(first), 1],
    ['a message that was not in the batch', () => failures('someone-else'), 0],
    ['an empty id', () => failures(''), 0],
    ['null for an id', () => failures(null), 0],
    ['a wrong name', () => ({ batchItemFailures: [{ id: 'x' }] }), 0],
    ['no object', () => 'failed', 0],
  ])('%s', async (_, answer, deleted) => {
    await sendAll('a', 'b');
    let invocations = 0;
    const settled = until(() => invocations > 0 && sqs.counts(arn).inFlight === 2 - deleted);
    const again: string[] = [];
    source = deliverTo(async ({ Records }) => {
      invocations += 1;
      if (invocations > 1) {
        again.push(...Records.map(({ attributes }) => attributes.ApproximateReceiveCount ?? ''));
        return payload();
      }
      return payload(answer(Records[0]?.messageId ?? ''));
    });
    if (deleted > 0) await settled;
    else while (log.length === 0) await setImmediate();
    expect(sqs.counts(arn)).toEqual({ visible: 0, inFlight: 2 - deleted, delayed: 0 });
    clock.advance(61_000);
    await sqs.idle();
    expect(again).toEqual(Array(2 - deleted).fill('2'));
  });

  test('a function that throws', async () => {
    await sendAll('a', 'b');
    let invocations = 0;
    source = deliverTo(async () => {
      invocations += 1;
      return invocations > 1
        ? payload()
        : { functionError: { errorType: 'Error', errorMessage: 'no database' } };
    });
    while (log.length === 0) await setImmediate();
    expect(log).toEqual(['Submit failed 2 of 2: no database']);
    clock.advance(61_000);
    await sqs.idle();
    expect(invocations).toBe(2);
  });

  test('without ReportBatchItemFailures an answer means nothing', async () => {
    await sendAll('a');
    source = deliverTo(async ({ Records }) => payload(failures(Records[0]?.messageId)), {
      reportBatchItemFailures: false,
    });
    await sqs.idle();
    expect(log).toEqual([]);
  });
});

test('stopping waits for the batch under way, and takes no other', async () => {
  let finish = () => {};
  const handed = new Promise<void>((resolve) => {
    source = deliverTo(
      async () => {
        resolve();
        await new Promise<void>((done) => (finish = done));
        return payload();
      },
      { batchSize: 1, maxConcurrency: 1 },
    );
  });
  await sendAll('a', 'b');
  await handed;
  const stopped = source.stop();
  finish();
  await stopped;
  expect(sqs.counts(arn)).toEqual({ visible: 1, inFlight: 0, delayed: 0 });
});

test('a function that may not read its queue is refused', async () => {
  source = deliverTo(async () => payload());
  const model = { functionId: 'Submit', queueArn: arn, batchSize: 1, reportBatchItemFailures: true };
  const iam = { isAllowed: (_: string, action: string) => action !== 'sqs:DeleteMessage' };
  expect(() =>
    createEventSource({
      model,
      source: sqs,
      iam,
      clock,
      region: 'r',
      log: () => {},
      invoke: async () => payload(),
    }),
  ).toThrow('Submit lacks sqs:DeleteMessage on arn:aws:sqs:us-east-1:000000000000:jobs.');
});
