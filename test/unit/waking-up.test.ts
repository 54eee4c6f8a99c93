/** A database that wakes up: who waits for it, and how long. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { apiEvent, sqsEvent } from './aws.ts';
import { type Edges, failuresOf, replaceEdges } from './edges.ts';

const openLink = await import('../../lambdas/download/open-link/handler.ts');
const completeOrder = await import('../../lambdas/restoration/complete-order/handler.ts');

const orderId = '6f1c2b1e-0000-4000-8000-00000000000b';
let edges: Edges;
beforeEach(() => {
  edges = replaceEdges();
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

const context = (ms: number) => ({ getRemainingTimeInMillis: () => ms });
/** Answers nothing after it was asked so many times in vain. */
function asleepFor(statement: string, times: number, name = 'DatabaseResumingException') {
  let left = times;
  edges.answer(statement, () => {
    if (left-- > 0) throw Object.assign(new Error('resuming'), { name });
    return [];
  });
}
const openWith = async (ms: number, seconds: number) => {
  const answer = openLink.handler(apiEvent({ method: 'GET', path: { token: 'A'.repeat(43) } }), context(ms));
  await jest.advanceTimersByTimeAsync(seconds * 1000);
  return answer;
};

test('a link that is opened waits for it, and gets its answer', async () => {
  asleepFor('download/open-link/open', 15);
  expect(await openWith(29_000, 15)).toMatchObject({ statusCode: 404 });
  expect(edges.ran).toHaveLength(16);
});

test('a link is told to come again before API Gateway gives up', async () => {
  asleepFor('download/open-link/open', 1000);
  const answer = await openWith(29_000, 24);
  expect(answer).toMatchObject({ statusCode: 503, headers: { 'retry-after': '15' } });
});

test('nothing waits whose time is nearly over', async () => {
  asleepFor('download/open-link/open', 1);
  expect(await openWith(5_500, 0)).toMatchObject({ statusCode: 503 });
});

test('a message waits for it, too', async () => {
  asleepFor('restoration/complete-order/complete', 3);
  const handled = completeOrder.handler(sqsEvent({ orderId }), context(60_000));
  await jest.advanceTimersByTimeAsync(3_000);
  expect(failuresOf(await handled)).toEqual(['message-0']);
  expect(edges.log.lines()).toMatchObject([{ code: 'unknown_order' }]);
});

test.each(['ThrottlingException', 'ServiceUnavailableError', 'DatabaseUnavailableException'])(
  '%s is no fault of ours, and told as such',
  async (name) => {
    asleepFor('download/open-link/open', 1, name);
    expect(await openWith(0, 0)).toMatchObject({ statusCode: 503 });
  },
);
