import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createStore } from '@restoreclick/local-aws';
import { Stripe } from 'stripe';
import { clientOf, openShop, type Shop, twoPhotos } from './stripe-setup.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(() => shop.close());

const { StripeInvalidRequestError, StripeIdempotencyError, StripeAPIError, StripeAuthenticationError } =
  Stripe.errors;

describe('a checkout session', () => {
  test('is open, unpaid and totalled, and has no payment yet', async () => {
    const session = await shop.checkout({ client_reference_id: 'u1', customer_email: 'ada@example.org' });
    expect(session).toMatchObject({
      object: 'checkout.session',
      status: 'open',
      payment_status: 'unpaid',
      payment_intent: null,
      customer_details: null,
      amount_subtotal: 2400,
      amount_total: 2400,
      total_details: { amount_discount: 0, amount_tax: 0 },
      currency: 'usd',
      client_reference_id: 'u1',
      metadata: { upload_session_id: 'u1' },
      expires_at: session.created + 24 * 3600,
    });
    expect(session.url).toBe(`${shop.double.url}/c/pay/${session.id}`);
    expect(session.lastResponse.apiVersion).toBe('2026-10-28.endive');
    expect(session.lastResponse.requestId).toMatch(/^req_/);
  });

  test('brings its line items when asked to expand them, and lists them', async () => {
    const { id } = await shop.checkout();
    const plain = await shop.stripe.checkout.sessions.retrieve(id);
    expect(plain.line_items).toBeUndefined();
    const full = await shop.stripe.checkout.sessions.retrieve(id, { expand: ['line_items'] });
    const [item] = full.line_items?.data ?? [];
    expect(item).toMatchObject({ quantity: 2, amount_total: 2400, description: 'Photo restoration' });
    expect(item?.price?.unit_amount).toBe(1200);
    expect(item?.price?.unit_amount_decimal?.toString()).toBe('1200');
    const listed = await shop.stripe.checkout.sessions.listLineItems(id);
    expect(listed.data.map((one) => one.id)).toEqual([item?.id]);
  });

  test('pages through many line items', async () => {
    const line_items = Array.from({ length: 25 }, (_, i) => ({
      quantity: 1,
      price_data: { currency: 'usd', unit_amount: 100 + i, product_data: { name: `Photo ${i}` } },
    }));
    const { id } = await shop.checkout({ line_items });
    const all = await shop.stripe.checkout.sessions.listLineItems(id).autoPagingToArray({ limit: 100 });
    expect(all.map((item) => item.description)).toEqual(
      line_items.map((item) => item.price_data.product_data.name),
    );
  });

  test('counts yen without decimals', async () => {
    const price_data = { currency: 'JPY', unit_amount: 1500, product_data: { name: 'Photo' } };
    const session = await shop.checkout({ line_items: [{ quantity: 3, price_data }] });
    expect(session).toMatchObject({ currency: 'jpy', amount_total: 4500 });
    expect(await (await fetch(String(session.url))).text()).toContain('¥4,500');
  });

  test('is expired by its merchant only while it is open', async () => {
    const { id } = await shop.checkout();
    expect(await shop.stripe.checkout.sessions.expire(id)).toMatchObject({ status: 'expired', url: null });
    await expect(shop.stripe.checkout.sessions.expire(id)).rejects.toThrow('status of `expired`');
  });

  test.each([
    ['without a success_url', { success_url: '' }, 'success_url'],
    ['with an unknown currency', priced({ currency: 'zzz' }), 'line_items[0][price_data][currency]'],
    ['with a price of half a cent', priced({ unit_amount: 0.5 }), 'line_items[0][price_data][unit_amount]'],
    ['for less than 50 cents', priced({ unit_amount: 10 }), undefined],
    ['with a parameter that is not known here', { submit_type: 'pay' as const }, 'submit_type'],
    ['that expires in ten minutes', { expires_at: Math.floor(Date.now() / 1000) + 600 }, 'expires_at'],
    ['that expires in two days', { expires_at: Math.floor(Date.now() / 1000) + 172_800 }, 'expires_at'],
    ['with a value of 501 characters', { metadata: { long: 'x'.repeat(501) } }, 'metadata[long]'],
  ])('%s is refused', async (_what, changes, param) => {
    const error = await refusalOf(shop.checkout(changes));
    expect(error).toBeInstanceOf(StripeInvalidRequestError);
    expect(error).toMatchObject({ statusCode: 400, param });
  });
});

test('what Stripe takes at its limits is taken, and one more is refused', async () => {
  const pairs = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}`.padStart(40, 'k'), 'ü'.repeat(500)]));
  const key = (length: number) => ({ idempotencyKey: 'k'.repeat(length) });
  const open = (pairCount: number, items: number, keyLength: number) =>
    shop.stripe.checkout.sessions.create(
      twoPhotos({ metadata: pairs(pairCount), line_items: Array(items).fill(priced({}).line_items[0]) }),
      key(keyLength),
    );
  expect(await open(50, 100, 255)).toMatchObject({ amount_total: 120_000, metadata: pairs(50) });
  expect(await refusalOf(open(51, 1, 1))).toMatchObject({ statusCode: 400, param: 'metadata' });
  expect(await refusalOf(open(1, 101, 2))).toMatchObject({ statusCode: 400, param: 'line_items' });
  expect(await refusalOf(open(1, 1, 256))).toMatchObject({ statusCode: 400 });
});

function priced(price: { currency?: string; unit_amount?: number }) {
  const price_data = { currency: 'usd', unit_amount: 1200, product_data: { name: 'Photo' }, ...price };
  return { line_items: [{ quantity: 1, price_data }] };
}
const refusalOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('who calls', () => {
  test('with a wrong key gets a 401, and the key is not repeated', async () => {
    const stranger = clientOf(shop.double.url, 'sk_test_somebody_else_altogether');
    const error = await refusalOf(stranger.checkout.sessions.retrieve('cs_test_1'));
    expect(error).toBeInstanceOf(StripeAuthenticationError);
    expect(String(error)).not.toContain('somebody');
  });

  test('without a key gets a 401', async () => {
    const response = await fetch(`${shop.double.url}/v1/events`);
    expect([response.status, response.headers.get('request-id')]).toEqual([
      401,
      expect.stringMatching(/^req_/),
    ]);
  });

  test('with another API version is told which one is spoken', async () => {
    const call = shop.stripe.refunds.list({}, { apiVersion: '2022-08-01' });
    await expect(call).rejects.toThrow('speaks API version 2026-10-28.endive');
  });

  test('for an unknown id gets a 404', async () => {
    const error = await refusalOf(shop.stripe.checkout.sessions.retrieve('cs_test_1'));
    expect(error).toMatchObject({ statusCode: 404, code: 'resource_missing' });
  });

  test('for a route that is not implemented gets a 404 naming it', async () => {
    const error = await refusalOf(shop.stripe.customers.create({ email: 'ada@example.org' }));
    expect(error).toMatchObject({
      statusCode: 404,
      message: expect.stringContaining('(POST: /v1/customers)'),
    });
  });
});

describe('an idempotency key', () => {
  const idempotencyKey = 'checkout-u1-1';
  const create = (changes = {}) =>
    shop.stripe.checkout.sessions.create(twoPhotos(changes), { idempotencyKey });

  test('brings the first answer again for a day, and then no longer', async () => {
    const first = await create();
    await shop.stripe.checkout.sessions.expire(first.id);
    const second = await create();
    expect(second).toEqual(first);
    expect(second.lastResponse.headers).toMatchObject({
      'idempotent-replayed': 'true',
      'original-request': first.lastResponse.requestId,
    });
    shop.clock.advance(24 * 3_600_000);
    expect((await create()).id).not.toBe(first.id);
  });

  test('refuses other parameters and another endpoint', async () => {
    const { id } = await create();
    const other = await refusalOf(create({ cancel_url: 'https://shop.example/other' }));
    expect(other).toBeInstanceOf(StripeIdempotencyError);
    expect(other).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
    const elsewhere = shop.stripe.checkout.sessions.expire(id, {}, { idempotencyKey });
    await expect(elsewhere).rejects.toThrow('can only be used for the same endpoint');
  });

  test('brings a failure of the server again too', async () => {
    await shop.post('/double/faults', { status: '500' });
    await expect(create()).rejects.toBeInstanceOf(StripeAPIError);
    await expect(create()).rejects.toMatchObject({
      statusCode: 500,
      headers: { 'idempotent-replayed': 'true' },
    });
    expect((await shop.checkout()).status).toBe('open');
  });

  test('stays free when the parameters were refused', async () => {
    await expect(create({ success_url: 'nowhere' })).rejects.toBeInstanceOf(StripeInvalidRequestError);
    expect((await create()).status).toBe('open');
  });

  test('survives a restart', async () => {
    const first = await create();
    await shop.double.close();
    const { store, clock } = shop;
    const again = await openShop({ store, clock });
    const second = await again.stripe.checkout.sessions.create(twoPhotos(), { idempotencyKey });
    expect(second.id).toBe(first.id);
    await again.close();
  });

  test('used twice at once answers the second with a 409', async () => {
    let release = () => {};
    let reached = () => {};
    const writing = new Promise<void>((resolve) => (reached = resolve));
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow = createStore({
      load: async () => [],
      put() {
        reached();
        return gate;
      },
      delete: async () => {},
    });
    const busy = await openShop({ store: slow });
    const make = () => busy.stripe.checkout.sessions.create(twoPhotos(), { idempotencyKey });
    const first = make();
    await writing;
    await expect(make()).rejects.toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' });
    release();
    expect((await first).status).toBe('open');
    await busy.close();
  });
});

describe('a paid checkout', () => {
  const paid = async () => {
    const session = await shop.checkout();
    await shop.payOnPage(session);
    return shop.stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent.latest_charge'] });
  };
  const paymentOf = ({ payment_intent: payment }: Stripe.Checkout.Session) => {
    if (payment === null || typeof payment === 'string') throw new Error('not expanded');
    return payment;
  };

  test('knows its customer, its payment and its charge', async () => {
    const session = await paid();
    expect(session).toMatchObject({ status: 'complete', payment_status: 'paid', url: null });
    expect(session.customer_details).toMatchObject({
      email: 'Ada@Example.org',
      name: 'Ada Lovelace',
      phone: null,
    });
    const payment = paymentOf(session);
    expect(payment).toMatchObject({ status: 'succeeded', amount: 2400, amount_received: 2400 });
    expect(payment.metadata).toEqual({ upload_session_id: 'u1' });
    expect(payment.latest_charge).toMatchObject({ paid: true, payment_method_details: { type: 'card' } });
    const plain = await shop.stripe.paymentIntents.retrieve(payment.id);
    const charge = await shop.stripe.charges.retrieve(String(plain.latest_charge), {
      expand: ['payment_intent'],
    });
    expect(charge).toMatchObject({ amount: 2400, payment_intent: { id: payment.id } });
    const found = await shop.stripe.checkout.sessions.list({ payment_intent: payment.id });
    expect(found.data.map(({ id }) => id)).toEqual([session.id]);
  });

  test('is refunded in parts, until nothing is left', async () => {
    const { id: payment_intent } = paymentOf(await paid());
    const part = await shop.stripe.refunds.create({
      payment_intent,
      amount: 1000,
      reason: 'requested_by_customer',
    });
    expect(part).toMatchObject({ amount: 1000, status: 'succeeded', reason: 'requested_by_customer' });
    await expect(shop.stripe.refunds.create({ payment_intent, amount: 1401 })).rejects.toThrow(
      'Refund amount ($14.01) is greater than unrefunded amount on charge ($14.00)',
    );
    const rest = await shop.stripe.refunds.create({ payment_intent });
    expect(rest.amount).toBe(1400);
    await expect(shop.stripe.refunds.create({ payment_intent })).rejects.toMatchObject({
      code: 'charge_already_refunded',
    });
    expect(await shop.stripe.refunds.retrieve(part.id)).toMatchObject({ id: part.id, payment_intent });
    const all = await shop.stripe.refunds.list({ payment_intent, limit: 1 }).autoPagingToArray({ limit: 10 });
    expect(all.map(({ id }) => id)).toEqual([rest.id, part.id]);
    const charge = await shop.stripe.charges.retrieve(String(rest.charge));
    expect(charge).toMatchObject({ amount_refunded: 2400, refunded: true });
  });

  test('gets the money of a failed refund back', async () => {
    const { id: payment_intent } = paymentOf(await paid());
    const { id, charge } = await shop.stripe.refunds.create({ payment_intent });
    await shop.post(`/double/refunds/${id}/fail`);
    expect(await shop.stripe.refunds.retrieve(id)).toMatchObject({ status: 'failed' });
    expect(await shop.stripe.charges.retrieve(String(charge))).toMatchObject({
      amount_refunded: 0,
      refunded: false,
    });
  });

  test('can be disputed, which forbids a refund until the dispute is won', async () => {
    const { id: payment_intent } = paymentOf(await paid());
    await shop.post(`/double/payments/${payment_intent}/dispute`);
    const { data } = await shop.stripe.disputes.list({ payment_intent });
    const [dispute] = data;
    expect(dispute).toMatchObject({ status: 'needs_response', amount: 2400, payment_intent });
    await expect(shop.stripe.refunds.create({ payment_intent })).rejects.toMatchObject({
      code: 'charge_disputed',
    });
    await shop.post(`/double/disputes/${dispute?.id}/close`, { status: 'won' });
    expect(await shop.stripe.disputes.retrieve(String(dispute?.id))).toMatchObject({ status: 'won' });
    expect((await shop.stripe.refunds.create({ payment_intent })).status).toBe('succeeded');
  });

  test('tells of itself in events that can be fetched and filtered', async () => {
    const session = await paid();
    const { data } = await shop.stripe.events.list({ type: 'checkout.session.completed' });
    expect(data.map(({ data }) => data.object)).toMatchObject([{ id: session.id, payment_status: 'paid' }]);
    const [event] = data;
    expect(await shop.stripe.events.retrieve(String(event?.id))).toMatchObject({
      object: 'event',
      api_version: '2026-10-28.endive',
      livemode: false,
    });
    const all = await shop.stripe.events.list({ limit: 100 });
    const [newest, ...older] = all.data.map(({ id }) => id);
    const before = await shop.stripe.events.list({ ending_before: older.at(-1) ?? '', limit: 1 });
    expect(before.data.map(({ id }) => id)).toEqual(older.slice(-2, -1));
    expect(before.has_more).toBe(older.length > 1);
    const after = await shop.stripe.events.list({ starting_after: newest ?? '' });
    expect(after.data.map(({ id }) => id)).toEqual(older);
  });
});
