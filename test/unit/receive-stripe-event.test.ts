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
    ['checkout.session.expired', 'settle-payment'],
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

  test.each(['customer.created', 'charge.captured', 'constructor', '__proto__', 'toString'])(
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

  const waitingFor = (ms: number) => jest.spyOn(Date, 'now').mockReturnValue(Date.now() + ms);
  const told = () => edges.log.lines().map(({ message, provider }) => `${message}: ${provider}`);
  const receiveWith = async (secret: string) => {
    const payload = body('checkout.session.completed');
    return (await receive.handler(apiEvent({ body: payload, headers: signature(payload, secret) })))
      .statusCode;
  };

  test('says of each webhook whether it was taken, and nothing of what was in it', async () => {
    expect([await receiveWith('whsec_unit'), await receiveWith('whsec_other')]).toEqual([200, 400]);
    expect(told()).toEqual(['webhook accepted: stripe', 'webhook refused: stripe']);
    expect(edges.log.text()).not.toMatch(/cs_1|Zoë|whsec/);
  });

  test('takes an event signed with the secret that replaced the one it knows', async () => {
    expect(await receiveWith('whsec_unit')).toBe(200);
    edges.secrets.set('arn:stripe', JSON.stringify({ webhookSecret: 'whsec_new' }));
    waitingFor(60_000);
    expect(await receiveWith('whsec_new')).toBe(200);
    expect(told()).toEqual(Array(2).fill('webhook accepted: stripe'));
    edges.secrets.set('arn:stripe', JSON.stringify({ webhookSecret: 'whsec_unit' }));
    waitingFor(120_000);
    expect(await receiveWith('whsec_unit')).toBe(200);
  });

  test('asks for no secret a bad signature: once in half a minute at most', async () => {
    waitingFor(200_000);
    for (let n = 0; n < 10; n++) expect(await receiveWith('whsec_guess')).toBe(400);
    expect(edges.secretReads.length).toBeLessThanOrEqual(1);
  });

  test('does not acknowledge what it could not queue', async () => {
    edges.refuse('place-order');
    const payload = body('checkout.session.completed');
    expect(await receive.handler(apiEvent({ body: payload, headers: signature(payload) }))).toMatchObject({
      statusCode: 500,
    });
  });
});
