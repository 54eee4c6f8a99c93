/** Requests made to cost: what they are answered, and that it is little. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { apiEvent } from './aws.ts';
import { type Edges, replaceEdges } from './edges.ts';

const createSession = await import('../../lambdas/upload/create-session/handler.ts');
const shareOrder = await import('../../lambdas/order/share-order/handler.ts');
const { orderKey } = await import('../../lambdas/platform/order-key.ts');

let edges: Edges;
beforeEach(() => {
  edges = replaceEdges();
});
afterEach(() => void jest.restoreAllMocks());

const orderId = '6f1c2b1e-0000-4000-8000-00000000000b';
const list = (item: string, times: number) => `[${Array(times).fill(item).join()}]`;

test.each([
  ['empty photos, a few more than may be', list('{}', 101)],
  ['empty photos, 150 kB of them', list('{}', 50_000)],
  ['photos that are lists', list('[[]]', 50_000)],
])('%s are counted and not read', async (_what, photos) => {
  const { statusCode, body = '' } = await createSession.handler(apiEvent({ body: `{"photos":${photos}}` }));
  expect([statusCode, JSON.parse(body).type]).toEqual([400, 'urn:restoreclick:problem:too-many-photos']);
  expect(body.length).toBeLessThan(1000);
  expect(edges.statements()).toEqual([]);
});

test('as many empty photos as may be tell twenty of their faults', async () => {
  const { body = '' } = await createSession.handler(apiEvent({ body: `{"photos":${list('{}', 100)}}` }));
  expect(JSON.parse(body).errors).toHaveLength(20);
  expect(body.length).toBeLessThan(3000);
});

test('recipients without end are counted and not read', async () => {
  const headers = { authorization: `Bearer ${await orderKey('arn:order-key', orderId, 1)}` };
  const body = `{"recipients":${list('{}', 50_000)}}`;
  const answer = await shareOrder.handler(apiEvent({ path: { order: orderId }, headers, body }));
  expect(answer.statusCode).toBe(400);
  expect(JSON.parse(answer.body ?? '').errors).toHaveLength(1);
});
