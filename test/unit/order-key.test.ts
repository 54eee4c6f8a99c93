import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { apiEvent } from './aws.ts';
import { type Edges, replaceEdges } from './edges.ts';

const { orderKey } = await import('../../lambdas/platform/order-key.ts');
const getOrder = await import('../../lambdas/order/get-order/handler.ts');
const claimOrder = await import('../../lambdas/order/claim-order/handler.ts');

const orderId = '6f1c2b1e-0000-4000-8000-00000000000b';
let edges: Edges;
beforeEach(() => {
  edges = replaceEdges();
});
afterEach(() => void jest.restoreAllMocks());

const open = (key: string) =>
  getOrder.handler(
    apiEvent({ method: 'GET', path: { order: orderId }, headers: { authorization: `Bearer ${key}` } }),
  );

test('is asked of the database with the version that it proves', async () => {
  edges.answer('order/get-order/order', []);
  for (const version of [1, 2, 17]) await open(await orderKey('arn:order-key', orderId, version));
  expect(edges.ran.map(({ params }) => params.keyVersion)).toEqual([1, 2, 17]);
});

test('that is false is refused before the database', async () => {
  const key = await orderKey('arn:order-key', orderId, 1);
  const proof = key.slice(2);
  for (const wrong of [
    '',
    proof,
    `2.${proof}`,
    `01.${proof}`,
    `0.${proof}`,
    `-1.${proof}`,
    `1.${proof}x`,
    '1.',
  ])
    expect(await open(wrong)).toMatchObject({ statusCode: 404 });
  expect(edges.ran).toEqual([]);
});

test('is given out for the order as it is now, within a day', async () => {
  const order = { known: true, id: orderId, orderNumber: 'N', keyVersion: 3 };
  const claim = () => claimOrder.handler(apiEvent({ body: '{"checkoutId":"cs_test_1234567890"}' }));
  edges.answer('order/claim-order/claim', [{ ...order, claimable: true }]);
  const { key } = JSON.parse((await claim()).body ?? '');
  expect(key).toBe(await orderKey('arn:order-key', orderId, 3));
  edges.answer('order/claim-order/claim', [{ ...order, claimable: false }]);
  expect(await claim()).toMatchObject({ statusCode: 410, body: expect.stringContaining('claim-too-late') });
});
