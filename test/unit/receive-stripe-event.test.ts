/** Stripe's webhook: what it takes, refuses, ignores and queues. */
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Stripe } from 'stripe';
import { apiEvent } from './aws.ts';
import { type Edges, replaceEdges } from './edges.ts';

const receive = await import('../../lambdas/payment/receive-stripe-event/handler.ts');

let edges: Edges;
beforeEach(() => {
  edges = replaceEdges();
});
afterEach(() => void jest.restoreAllMocks());

describe('receive-stripe-event', () => {
  const body = (
    type: string,
    object: object = { id: 'cs_1', object: 'checkout.session', payment_intent: 'pi_1' },
  ) =>
    JSON.stringify({ id: 'evt_1', object: 'event', type, data: { object: { ...object, name: 'Zoë 写真' } } });
  const signature = (payload: string, secret = 'whsec_unit') => ({
    'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload, secret }),
  });

  test.each([
    ['checkout.session.completed', 'place-order'],
    ['checkout.session.async_payment_succeeded', 'settle-payment'],
    ['checkout.session.async_payment_failed', 'settle-payment'],
    ['refund.created', 'settle-payment'],
    ['refund.failed', 'settle-payment'],
    ['charge.dispute.created', 'settle-payment'],
  ])('queues the ids of %s for %s, and none of its data', async (type, to) => {
    const payload = body(type);
    expect(await receive.handler(apiEvent({ body: payload, headers: signature(payload) }))).toMatchObject({
      statusCode: 200,
    });
    expect(edges.sent).toEqual([
      { to, message: { eventId: 'evt_1', type, objectId: 'cs_1', paymentIntentId: 'pi_1' } },
    ]);
  });

  test('reads a base64 body byte for byte', async () => {
    const payload = body('checkout.session.completed');
    const answer = await receive.handler(
      apiEvent({
        body: Buffer.from(payload).toString('base64'),
        isBase64Encoded: true,
        headers: signature(payload),
      }),
    );
    expect(answer).toMatchObject({ statusCode: 200 });
    expect(edges.sent).toHaveLength(1);
  });

  test.each(['customer.created', 'checkout.session.expired', 'some.new.type'])(
    'acknowledges %s and ignores it, so that the endpoint stays enabled',
    async (type) => {
      const payload = body(type);
      expect(await receive.handler(apiEvent({ body: payload, headers: signature(payload) }))).toMatchObject({
        statusCode: 200,
      });
      expect(edges.sent).toEqual([]);
    },
  );

  test('refuses a wrong or missing signature', async () => {
    const payload = body('checkout.session.completed');
    for (const headers of [signature(payload, 'whsec_other'), signature(`${payload} `), {}])
      expect(await receive.handler(apiEvent({ body: payload, headers }))).toMatchObject({ statusCode: 400 });
    expect(edges.sent).toEqual([]);
  });

  test('does not acknowledge what it could not queue', async () => {
    edges.refuse('place-order');
    const payload = body('checkout.session.completed');
    expect(await receive.handler(apiEvent({ body: payload, headers: signature(payload) }))).toMatchObject({
      statusCode: 500,
    });
  });
});
