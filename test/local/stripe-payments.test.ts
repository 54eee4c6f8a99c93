import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { StepError } from '../../lambdas/platform/errors.ts';
import type { CheckoutRequest, PaymentProvider } from '../../lambdas/providers/payment.ts';
import { createStripePayments } from '../../lambdas/providers/stripe.ts';
import { apiKey, openShop, type Shop } from '../../packages/doubles/test/stripe-setup.ts';

let shop: Shop;
let payments: PaymentProvider;
beforeEach(async () => {
  shop = await openShop();
  payments = createStripePayments({ apiKey, apiUrl: shop.double.url });
});
afterEach(() => shop.close());

const request: CheckoutRequest = {
  sessionId: '0b7c6a1e-upload',
  attempt: 1,
  photos: 3,
  unitAmountCents: 1250,
  currency: 'USD',
  successUrl: 'https://shop.example/thanks?session={CHECKOUT_SESSION_ID}',
  cancelUrl: 'https://shop.example/cart',
};
/** Opens a checkout and lets its customer do that on its page. */
async function bought(outcome = 'pay', changes: Partial<CheckoutRequest> = {}) {
  const { id, url } = await payments.createCheckout({ ...request, ...changes });
  await fetch(`${url}/pay`, {
    method: 'POST',
    body: new URLSearchParams({ outcome, email: 'Ada@Example.ORG', name: 'Ada Lovelace' }),
    redirect: 'manual',
  });
  const checkout = await payments.getCheckout(id);
  return { checkout, paymentIntentId: checkout.paymentIntentId ?? '' };
}
const faultOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => (error instanceof StepError ? { kind: error.kind, code: error.code } : error),
  );

describe('a checkout', () => {
  test('is the same one when the same attempt asks again, and another for the next attempt', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000);
    const first = await payments.createCheckout({ ...request, expiresAt });
    expect(first.expiresAt.getTime()).toBe(Math.floor(expiresAt.getTime() / 1000) * 1000);
    expect(await payments.createCheckout({ ...request, expiresAt })).toEqual(first);
    expect((await payments.createCheckout({ ...request, attempt: 2 })).id).not.toBe(first.id);
  });

  test('that changes under the same attempt is our fault', async () => {
    await payments.createCheckout(request);
    const changed = payments.createCheckout({ ...request, photos: 4 });
    expect(await faultOf(changed)).toEqual({ kind: 'internal', code: 'payments_misused' });
  });

  test('says, once paid, which upload session it sold, for how much, and to whom', async () => {
    const { checkout } = await bought();
    expect(checkout).toEqual({
      id: expect.stringMatching(/^cs_test_/),
      uploadSessionId: '0b7c6a1e-upload',
      attempt: 1,
      status: 'complete',
      paymentStatus: 'paid',
      paymentIntentId: expect.stringMatching(/^pi_/),
      currency: 'USD',
      amounts: { subtotal: '37.50', discount: '0.00', tax: '0.00', total: '37.50' },
      customer: { email: 'ada@example.org', name: 'Ada Lovelace', phone: null },
      lineItems: [{ description: 'Photo restoration', quantity: 3, unitAmount: '12.50', total: '37.50' }],
      paidAt: expect.any(Date),
      paymentMethod: 'card',
    });
  });

  test('in yen has no decimals', async () => {
    const { checkout } = await bought('pay', { currency: 'jpy', unitAmountCents: 1800 });
    expect(checkout.amounts.total).toBe('5400');
  });

  test('that nobody paid yet knows the address it was made for, and no method', async () => {
    const { id } = await payments.createCheckout({ ...request, customerEmail: 'Ada@Example.org' });
    expect(await payments.getCheckout(id)).toMatchObject({
      status: 'open',
      paymentStatus: 'unpaid',
      paymentIntentId: null,
      paymentMethod: null,
      customer: { email: 'ada@example.org' },
    });
  });

  test('with a declined card is open, and the card is no method that paid', async () => {
    const { checkout } = await bought('decline');
    expect(checkout).toMatchObject({ status: 'open', paymentStatus: 'unpaid', paymentMethod: null });
  });

  test('says when it is closed what it became: expired, or paid meanwhile', async () => {
    const { id } = await payments.createCheckout({ ...request, attempt: 7 });
    expect(await payments.expireCheckout(id)).toBe('expired');
    expect(await payments.expireCheckout(id)).toBe('expired');
    const { checkout } = await bought();
    expect(await payments.expireCheckout(checkout.id)).toBe('complete');
  });

  test('that does not exist is final', async () => {
    const notThere = { kind: 'permanent', code: 'payment_not_found' };
    expect(await faultOf(payments.getCheckout('cs_test_none'))).toEqual(notThere);
    expect(await faultOf(payments.expireCheckout('cs_test_none'))).toEqual(notThere);
    expect(await faultOf(payments.getPayment('pi_none'))).toEqual(notThere);
  });

  test('that Stripe refuses is final', async () => {
    const tooCheap = payments.createCheckout({ ...request, photos: 1, unitAmountCents: 20 });
    expect(await faultOf(tooCheap)).toEqual({ kind: 'permanent', code: 'payment_refused' });
  });
});

describe('the truth about a payment', () => {
  test('is paid, with nothing given back', async () => {
    const { paymentIntentId } = await bought();
    expect(await payments.getPayment(paymentIntentId)).toEqual({
      paymentIntentId,
      uploadSessionId: '0b7c6a1e-upload',
      currency: 'USD',
      amountCents: 3750,
      paid: true,
      refundedCents: 0,
      disputed: 'none',
    });
  });

  test('is not paid while a bank debit is under way, nor after it is returned', async () => {
    const { checkout, paymentIntentId } = await bought('later');
    expect(checkout).toMatchObject({
      status: 'complete',
      paymentStatus: 'unpaid',
      paymentMethod: 'us_bank_account',
    });
    expect((await payments.getPayment(paymentIntentId)).paid).toBe(false);
    await shop.post(`/double/sessions/${checkout.id}/settle`, { outcome: 'failed' });
    expect((await payments.getPayment(paymentIntentId)).paid).toBe(false);
  });

  test('counts refunds that succeeded, once each, and sees one that failed', async () => {
    const { paymentIntentId } = await bought();
    const part = { paymentIntentId, amountCents: 1000, key: 'photo-1' };
    const refund = await payments.refund(part);
    expect(refund).toMatchObject({ amountCents: 1000, status: 'succeeded' });
    expect(await payments.refund(part)).toEqual(refund);
    const rest = await payments.refund({ paymentIntentId, key: 'rest' });
    expect(await payments.getPayment(paymentIntentId)).toMatchObject({
      refundedCents: 3750,
    });
    await shop.post(`/double/refunds/${rest.id}/fail`);
    expect(await payments.getPayment(paymentIntentId)).toMatchObject({
      refundedCents: 1000,
    });
  });

  test('does not count a refund that is still pending', async () => {
    const { checkout, paymentIntentId } = await bought('later');
    await shop.post(`/double/sessions/${checkout.id}/settle`, { outcome: 'succeeded' });
    const { status, id } = await payments.refund({ paymentIntentId, key: 'all' });
    expect(status).toBe('pending');
    expect((await payments.getPayment(paymentIntentId)).refundedCents).toBe(0);
    await shop.post(`/double/refunds/${id}/succeed`);
    expect((await payments.getPayment(paymentIntentId)).refundedCents).toBe(3750);
  });

  test.each(['won', 'lost'] as const)('follows a dispute from open to %s', async (status) => {
    const { paymentIntentId } = await bought();
    await shop.post(`/double/payments/${paymentIntentId}/dispute`);
    expect((await payments.getPayment(paymentIntentId)).disputed).toBe('open');
    const [dispute] = (await shop.stripe.disputes.list()).data;
    await shop.post(`/double/disputes/${dispute?.id}/close`, { status });
    expect((await payments.getPayment(paymentIntentId)).disputed).toBe(status);
  });
});

describe('complete checkouts', () => {
  const since = () => new Date(Date.now() - 60_000);

  test('of ours are listed, oldest first, with the moment of their payment', async () => {
    const first = await bought();
    await payments.createCheckout({ ...request, sessionId: 'left open' });
    const second = await bought('later', { sessionId: 'by bank' });
    const other = await shop.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [
        { quantity: 1, price_data: { currency: 'usd', unit_amount: 500, product_data: { name: 'Frame' } } },
      ],
      success_url: 'https://shop.example/thanks',
    });
    await fetch(`${other.url}/pay`, {
      method: 'POST',
      body: new URLSearchParams({ outcome: 'pay', email: 'ada@example.org', name: 'Ada' }),
      redirect: 'manual',
    });
    const found = await payments.listCompleteCheckouts(since());
    expect(found).toEqual(
      [first, second].map(({ checkout: { id, paymentIntentId, paidAt } }) => ({
        id,
        paymentIntentId,
        paidAt,
        placed: false,
      })),
    );
    expect(Math.abs(Date.now() - (found[0]?.paidAt?.getTime() ?? 0))).toBeLessThan(60_000);
    expect(await payments.listCompleteCheckouts(new Date(Date.now() + 60_000))).toEqual([]);
  });

  test('are placed once it is noted, whatever else is known of the payment', async () => {
    const { paymentIntentId } = await bought();
    await payments.markPlaced(paymentIntentId, 'order-1');
    await payments.markPlaced(paymentIntentId, 'order-1');
    expect(await payments.listCompleteCheckouts(since())).toMatchObject([{ paymentIntentId, placed: true }]);
    expect(await payments.getPayment(paymentIntentId)).toMatchObject({ uploadSessionId: request.sessionId });
    const { metadata } = await shop.stripe.paymentIntents.retrieve(paymentIntentId);
    expect(metadata).toEqual({ upload_session_id: request.sessionId, attempt: '1', order_id: 'order-1' });
  });
});

describe('events', () => {
  test('that the webhook has not taken are listed since a moment, oldest first, without types that say nothing', async () => {
    shop.webhook.answers.status = 500;
    const since = new Date(Math.floor(Date.now() / 1000) * 1000);
    const { checkout, paymentIntentId } = await bought();
    const { id } = await payments.refund({ paymentIntentId, key: 'all' });
    await shop.double.settled();
    const events = await payments.listUndeliveredEvents(since);
    expect(events.map(({ type, objectId }) => [type, objectId])).toEqual([
      ['checkout.session.completed', checkout.id],
      ['refund.created', id],
      ['charge.refunded', expect.stringMatching(/^ch_/)],
    ]);
    expect(new Set(events.map((event) => event.paymentIntentId))).toEqual(new Set([paymentIntentId]));
    expect(await payments.listUndeliveredEvents(new Date(Date.now() + 60_000))).toEqual([]);
  });
});

describe('when Stripe is not well', () => {
  test('too many requests and its failures are worth another try', async () => {
    const later = { kind: 'retry', code: 'payments_unavailable' };
    await shop.post('/double/faults', { status: '429' });
    expect(await faultOf(payments.getCheckout('cs_test_1'))).toEqual(later);
    await shop.post('/double/faults', { status: '500' });
    expect(await faultOf(payments.createCheckout(request))).toEqual(later);
  });

  test('a wrong key is ours to mend', async () => {
    const stranger = createStripePayments({
      apiKey: 'sk_test_other',
      apiUrl: shop.double.url,
    });
    expect(await faultOf(stranger.getPayment('pi_1'))).toEqual({
      kind: 'internal',
      code: 'payments_misused',
    });
  });

  test('a call that hangs ends, and is worth another try', async () => {
    const silent = await listening(createServer(() => {}));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const waiting = createStripePayments({ apiKey, apiUrl: url, timeoutMs: 20 });
    expect(await faultOf(waiting.getCheckout('cs_test_1'))).toMatchObject({ kind: 'retry' });
    silent.closeAllConnections();
    silent.close();
  });
});

const listening = (server: Server) =>
  new Promise<Server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
