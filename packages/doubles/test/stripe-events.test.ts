import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createStore } from '@restoreclick/local-aws';
import { openShop, type Shop } from './stripe-setup.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(() => shop.close());

const passing = async (ms: number) => {
  shop.clock.advance(ms);
  await shop.double.settled();
};

describe('the webhook hears', () => {
  test('of a payment, with every type Stripe has for it', async () => {
    const session = await shop.checkout();
    await shop.payOnPage(session);
    await shop.double.settled();
    expect(shop.webhook.types()).toEqual([
      'charge.succeeded',
      'checkout.session.completed',
      'payment_intent.succeeded',
    ]);
    const completed = shop.webhook.events.find(({ type }) => type === 'checkout.session.completed');
    expect(completed).toMatchObject({
      id: expect.stringMatching(/^evt_/),
      pending_webhooks: 1,
      request: { id: null },
      data: { object: { id: session.id, customer_details: { name: 'Ada Lovelace' } } },
    });
  });

  test('of a declined card, after which the customer may try again', async () => {
    const session = await shop.checkout();
    expect((await shop.payOnPage(session, 'decline')).status).toBe(402);
    const { status, payment_intent } = await shop.stripe.checkout.sessions.retrieve(session.id);
    expect(status).toBe('open');
    expect(await shop.stripe.paymentIntents.retrieve(String(payment_intent))).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'card_declined' },
    });
    await shop.payOnPage(session);
    await shop.double.settled();
    expect(shop.webhook.types()).toEqual([
      'charge.failed',
      'charge.succeeded',
      'checkout.session.completed',
      'payment_intent.payment_failed',
      'payment_intent.succeeded',
    ]);
  });

  test.each([
    ['later', 'succeeded', 'paid'],
    ['later_refused', 'failed', 'unpaid'],
  ])(
    'of a bank debit (%s) at once as unpaid, and after three days that it %s',
    async (outcome, word, paid) => {
      const session = await shop.checkout();
      await shop.payOnPage(session, outcome);
      await shop.double.settled();
      expect(shop.webhook.types()).toEqual(['checkout.session.completed', 'payment_intent.processing']);
      expect(await shop.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
        status: 'complete',
        payment_status: 'unpaid',
      });
      await passing(3 * day + 1000);
      expect(shop.webhook.types()).toContain(`checkout.session.async_payment_${word}`);
      const settled = await shop.stripe.checkout.sessions.retrieve(session.id);
      expect(settled).toMatchObject({ status: 'complete', payment_status: paid });
    },
  );

  test('of a bank debit that the operator settles early, once', async () => {
    const session = await shop.checkout();
    await shop.payOnPage(session, 'later_refused');
    expect((await shop.post(`/double/sessions/${session.id}/settle`, { outcome: 'succeeded' })).status).toBe(
      200,
    );
    await passing(4 * day);
    const { payment_intent } = await shop.stripe.checkout.sessions.retrieve(session.id);
    expect((await shop.stripe.paymentIntents.retrieve(String(payment_intent))).status).toBe('succeeded');
    expect(shop.webhook.types().filter((type) => type.includes('async'))).toEqual([
      'checkout.session.async_payment_succeeded',
    ]);
  });

  test('of a checkout that nobody paid, when its time is over', async () => {
    const session = await shop.checkout();
    await passing(23 * hour);
    expect(shop.webhook.types()).toEqual([]);
    await passing(hour + 1000);
    expect(shop.webhook.types()).toEqual(['checkout.session.expired']);
    expect(await shop.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
      status: 'expired',
      url: null,
    });
  });

  test('of refunds: of a card at once, of a bank debit when it arrives, and of one that fails', async () => {
    const byCard = await shop.checkout();
    await shop.payOnPage(byCard);
    const byDebit = await shop.checkout();
    await shop.payOnPage(byDebit, 'later');
    await passing(3 * day + 1000);
    shop.webhook.events.length = 0;

    const made = [];
    for (const { id } of [byCard, byDebit]) {
      const { payment_intent } = await shop.stripe.checkout.sessions.retrieve(id);
      made.push(await shop.stripe.refunds.create({ payment_intent: String(payment_intent) }));
    }
    expect(made.map(({ status }) => status)).toEqual(['succeeded', 'pending']);
    await passing(3 * day + 1000);
    await shop.post(`/double/refunds/${made[0]?.id}/fail`);
    await shop.double.settled();
    expect(shop.webhook.types()).toEqual([
      'charge.refunded',
      'charge.refunded',
      'refund.created',
      'refund.created',
      'refund.failed',
      'refund.updated',
      'refund.updated',
    ]);
    const created = shop.webhook.events.find(({ type }) => type === 'refund.created');
    expect(created?.request?.id).toMatch(/^req_/);
  });

  test('of a dispute, opened and lost', async () => {
    const session = await shop.checkout();
    await shop.payOnPage(session);
    await shop.double.settled();
    shop.webhook.events.length = 0;
    const { payment_intent } = await shop.stripe.checkout.sessions.retrieve(session.id);
    await shop.post(`/double/payments/${payment_intent}/dispute`);
    const [dispute] = (await shop.stripe.disputes.list()).data;
    await shop.post(`/double/disputes/${dispute?.id}/close`, { status: 'lost' });
    await shop.double.settled();
    expect(shop.webhook.types()).toEqual([
      'charge.dispute.closed',
      'charge.dispute.created',
      'charge.dispute.funds_withdrawn',
    ]);
  });
});

describe('a webhook that fails', () => {
  const completed = { type: 'checkout.session.completed' };
  const undelivered = async () =>
    (await shop.stripe.events.list({ ...completed, delivery_success: false })).data;
  const completedEvents = () => shop.webhook.events.filter(({ type }) => type === completed.type);

  test('is tried again with growing pauses until it answers 2xx', async () => {
    shop.webhook.answers.status = 500;
    await shop.payOnPage(await shop.checkout());
    await shop.double.settled();
    const perRound = shop.webhook.attempts();
    expect(await undelivered()).toMatchObject([{ pending_webhooks: 1 }]);

    await passing(minute);
    expect(shop.webhook.attempts()).toBe(2 * perRound);
    await passing(minute);
    expect(shop.webhook.attempts()).toBe(2 * perRound);
    shop.webhook.answers.status = 200;
    await passing(minute);
    expect(completedEvents()).toHaveLength(1);
    expect(await undelivered()).toEqual([]);
    await passing(4 * day);
    expect(completedEvents()).toHaveLength(1);
  });

  test('is given up after three days, and the event stays listed as undelivered', async () => {
    shop.webhook.answers.status = 503;
    await shop.payOnPage(await shop.checkout());
    for (let i = 0; i < 80; i++) await passing(hour);
    const attempts = shop.webhook.attempts();
    await passing(7 * day);
    expect(shop.webhook.attempts()).toBe(attempts);
    const [event] = await undelivered();

    shop.webhook.answers.status = 200;
    await shop.post(`/double/events/${event?.id}/resend`);
    await shop.double.settled();
    expect(completedEvents().map(({ id }) => id)).toEqual([event?.id]);
    expect(await undelivered()).toEqual([]);
  });

  test('does not follow a redirect, which is no success', async () => {
    shop.webhook.answers.status = 302;
    await shop.payOnPage(await shop.checkout());
    await shop.double.settled();
    expect(await undelivered()).toHaveLength(1);
  });

  test('gets a delivered event a second time when it is sent again, with the same id', async () => {
    await shop.payOnPage(await shop.checkout());
    await shop.double.settled();
    const [first] = completedEvents();
    await shop.post(`/double/events/${first?.id}/resend`);
    await shop.double.settled();
    expect(completedEvents().map(({ id }) => id)).toEqual([first?.id, first?.id]);
  });
});

test('after a restart, pending deliveries, debits and expiries go on', async () => {
  const documents = new Map<string, Map<string, string>>();
  const backing = {
    load: async (name: string) =>
      [...(documents.get(name) ?? [])].map(([key, value]): [string, unknown] => [key, JSON.parse(value)]),
    put: async (name: string, key: string, value: unknown) => {
      const collection = documents.get(name) ?? new Map<string, string>();
      documents.set(name, collection.set(key, JSON.stringify(value)));
    },
    delete: async (name: string, key: string) => void documents.get(name)?.delete(key),
  };
  const before = await openShop({ store: createStore(backing) });
  before.webhook.answers.status = 500;
  await before.payOnPage(await before.checkout(), 'later');
  await before.checkout();
  await before.double.settled();
  await before.close();

  const restarted = await openShop({ store: createStore(backing) });
  restarted.clock.advance(3 * day + 1000);
  await restarted.double.settled();
  expect(restarted.webhook.types()).toEqual([
    'charge.succeeded',
    'checkout.session.async_payment_succeeded',
    'checkout.session.completed',
    'checkout.session.expired',
    'payment_intent.processing',
    'payment_intent.succeeded',
  ]);
  await restarted.close();
});
