import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { permanentFailure } from '../../lambdas/platform/errors.ts';
import type {
  Checkout,
  CompleteCheckout,
  Payment,
  PaymentProvider,
} from '../../lambdas/providers/payment.ts';
import { apiEvent, sqsEvent } from './aws.ts';
import { type Edges, failuresOf, type Row, replaceEdges } from './edges.ts';
import { replaceS3 } from './s3.ts';

const provider = {
  getCheckout: jest.fn<PaymentProvider['getCheckout']>(),
  getPayment: jest.fn<PaymentProvider['getPayment']>(),
  refund: jest.fn<PaymentProvider['refund']>(),
  listCompleteCheckouts: jest.fn<PaymentProvider['listCompleteCheckouts']>(),
  listUndeliveredEvents: jest.fn<PaymentProvider['listUndeliveredEvents']>(),
  markPlaced: jest.fn<PaymentProvider['markPlaced']>(),
};
jest.unstable_mockModule('../../lambdas/payment/provider.ts', () => ({ payments: async () => provider }));
const placeOrder = await import('../../lambdas/payment/place-order/handler.ts');
const keepOriginal = await import('../../lambdas/payment/keep-original/handler.ts');
const settlePayment = await import('../../lambdas/payment/settle-payment/handler.ts');
const sweepPayments = await import('../../lambdas/payment/sweep-payments/handler.ts');
const claimOrder = await import('../../lambdas/order/claim-order/handler.ts');

const orderId = '6f1c2b1e-0000-4000-8000-00000000000b';
const imageId = '6f1c2b1e-0000-4000-8000-00000000000c';
const emailId = '6f1c2b1e-0000-4000-8000-00000000000d';
const jobId = '6f1c2b1e-0000-4000-8000-00000000000a';
const keeping = {
  orderId,
  imageId,
  uploadKey: 'uploads/temp/s/u.jpg',
  uploadEtag: 'sold',
  originalKey: 'uploads/originals/o/i.jpg',
};
const photoRow = {
  imageId,
  originalKey: keeping.originalKey,
  uploadKey: keeping.uploadKey,
  uploadEtag: 'sold',
};
const noPhoto = { imageId: null, originalKey: null, uploadKey: null, uploadEtag: null };

const checkout = (facts: Partial<Checkout> = {}): Checkout => ({
  id: 'cs_1',
  uploadSessionId: 'session',
  attempt: 1,
  status: 'complete',
  paymentStatus: 'paid',
  paymentIntentId: 'pi_1',
  currency: 'USD',
  amounts: { subtotal: '10.00', discount: '0.00', tax: '0.00', total: '10.00' },
  customer: { email: 'ada@example.com', name: 'Ada', phone: null },
  lineItems: [{ description: 'Photo restoration', quantity: 2, unitAmount: '5.00', total: '10.00' }],
  paidAt: new Date(),
  paymentMethod: 'card',
  ...facts,
});
const payment = (facts: Partial<Payment> = {}): Payment => ({
  paymentIntentId: 'pi_1',
  uploadSessionId: 'session',
  currency: 'USD',
  amountCents: 1000,
  paid: true,
  refundedCents: 0,
  disputed: 'none',
  ...facts,
});
const event = (type: string, objectId = 'cs_1', paymentIntentId: string | null = 'pi_1') => ({
  eventId: 'evt_1',
  type,
  objectId,
  paymentIntentId,
});

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

let edges: Edges;
beforeEach(() => {
  edges = replaceEdges();
  provider.getCheckout.mockReset().mockResolvedValue(checkout());
  provider.getPayment.mockReset().mockResolvedValue(payment());
  provider.refund.mockReset().mockResolvedValue({ id: 're_1', amountCents: 1000, status: 'succeeded' });
  provider.listCompleteCheckouts.mockReset().mockResolvedValue([]);
  provider.listUndeliveredEvents.mockReset().mockResolvedValue([]);
  provider.markPlaced.mockReset().mockResolvedValue();
});
afterEach(() => void jest.restoreAllMocks());

describe('claim-order', () => {
  const claim = 'order/claim-order/claim';
  const ask = () => claimOrder.handler(apiEvent({ body: '{"checkoutId":"cs_test_1234567890"}' }));
  const noOrder = { id: null, orderNumber: null, keyVersion: null, claimable: null };

  test('asks Stripe for no checkout that we did not open', async () => {
    edges.answer(claim, [{ ...noOrder, known: false }]);
    expect(await ask()).toMatchObject({ statusCode: 404, body: expect.stringContaining('unknown-checkout') });
    expect(provider.getCheckout).not.toHaveBeenCalled();
  });

  test('asks about one of ours whose order is not there yet', async () => {
    edges.answer(claim, [{ ...noOrder, known: true }]);
    expect(await ask()).toMatchObject({ statusCode: 202, body: expect.stringContaining('placing_order') });
  });

  test.each([
    ['59 seconds ago', { paidAt: minutesAgo(59 / 60) }, 0, '1'],
    ['a minute ago', { paidAt: minutesAgo(1) }, 1, '10'],
    ['for nothing', { paidAt: null, paymentIntentId: null }, 1, '10'],
    ['not yet', { paidAt: null, status: 'open' as const }, 0, '1'],
  ])(
    'hands a checkout to place-order if its webhook is late: completed %s',
    async (_when, facts, sent, wait) => {
      provider.getCheckout.mockResolvedValue(checkout(facts));
      edges.answer(claim, [{ ...noOrder, known: true }]);
      expect(await ask()).toMatchObject({ statusCode: 202, headers: { 'retry-after': wait } });
      const { paymentIntentId } = checkout(facts);
      const message = { ...event('checkout.session.completed'), eventId: 'claim:cs_1', paymentIntentId };
      expect(edges.sent).toEqual(Array(sent).fill({ to: 'place-order', message, groupId: 'cs_1' }));
    },
  );
});

describe('sweep-payments', () => {
  const complete = (facts: Partial<CompleteCheckout> = {}): CompleteCheckout => ({
    id: 'cs_1',
    paymentIntentId: 'pi_1',
    paidAt: new Date(),
    placed: false,
    ...facts,
  });

  test('queues each complete checkout that was not placed, and no other', async () => {
    provider.listCompleteCheckouts.mockResolvedValue([complete(), complete({ id: 'cs_2', placed: true })]);
    expect(await sweepPayments.handler()).toEqual({ checkouts: 1, events: 0, late: 0 });
    const message = { ...event('checkout.session.completed'), eventId: 'sweep:cs_1' };
    expect(edges.sent).toEqual([{ to: 'place-order', message }]);
  });

  test('asks for what was opened within three days, and for events of three hours', async () => {
    const before = Date.now();
    await sweepPayments.handler();
    const [[openedSince = new Date(0)] = []] = provider.listCompleteCheckouts.mock.calls;
    const [[since = new Date(0)] = []] = provider.listUndeliveredEvents.mock.calls;
    expect(Math.round((before - openedSince.getTime()) / 3_600_000)).toBe(72);
    expect(Math.round((before - since.getTime()) / 3_600_000)).toBe(3);
    expect(edges.sent).toEqual([]);
  });

  test.each([
    ['49 minutes ago', { paidAt: minutesAgo(49) }, 0],
    ['50 minutes ago', { paidAt: minutesAgo(50) }, 1],
    ['50 minutes ago and placed', { paidAt: minutesAgo(50), placed: true }, 0],
  ])('tells the alarm of a checkout without an order: paid %s', async (_when, facts, late) => {
    provider.listCompleteCheckouts.mockResolvedValue([complete(facts)]);
    expect(await sweepPayments.handler()).toMatchObject({ late });
    const lines = edges.log.lines().filter(({ message }) => message === 'paid without order');
    expect(lines).toHaveLength(late);
    if (late) expect(lines[0]).toMatchObject({ level: 'error', checkoutId: 'cs_1', paymentIntentId: 'pi_1' });
  });

  test('queues what was not delivered for settle-payment, but not what is found as a checkout', async () => {
    const undelivered = (id: string, type: string) => ({
      id,
      type,
      objectId: 'x_1',
      paymentIntentId: 'pi_1',
    });
    provider.listUndeliveredEvents.mockResolvedValue([
      undelivered('evt_1', 'checkout.session.completed'),
      undelivered('evt_2', 'refund.created'),
    ]);
    expect(await sweepPayments.handler()).toMatchObject({ checkouts: 0, events: 1 });
    const message = { ...event('refund.created', 'x_1'), eventId: 'evt_2' };
    expect(edges.sent).toEqual([{ to: 'settle-payment', message }]);
  });
});

describe('place-order', () => {
  const place = 'payment/place-order/place';
  const placed = 'payment/place-order/placed';
  const rows = (more: Row = {}, photos: Row[] = [photoRow]): Row[] =>
    photos.map((photo) => ({ orderId, checkoutId: 'cs_1', emailId, ...photo, ...more }));
  const deliver = async () =>
    failuresOf(await placeOrder.handler(sqsEvent(event('checkout.session.completed'))));

  test('asks for each photo to be kept and for the confirmation to be sent', async () => {
    const second = { ...photoRow, imageId: jobId };
    edges.answer(place, rows({}, [photoRow, second]));
    expect(await deliver()).toEqual([]);
    expect(edges.paramsOf(place)).toMatchObject({ paid: true, photoCount: 2, total: '10.00', attempt: 1 });
    expect(edges.sent).toEqual([
      { to: 'keep-original', message: keeping, groupId: orderId },
      { to: 'keep-original', message: { ...keeping, imageId: jobId }, groupId: orderId },
      { to: 'send-email', message: { emailId }, groupId: orderId },
    ]);
  });

  test.each([
    ['paid', true],
    ['no_payment_required', true],
    ['unpaid', false],
  ] as const)('takes a checkout that is %s for paid: %s', async (paymentStatus, paid) => {
    provider.getCheckout.mockResolvedValue(checkout({ paymentStatus }));
    edges.answer(place, rows());
    await deliver();
    expect(edges.paramsOf(place)).toMatchObject({ paid });
  });

  test('redelivered, sends what is still to be done, and nothing when nothing is', async () => {
    edges.answer(place, rows());
    edges.refuse('send-email');
    expect(await deliver()).toEqual(['message-0']);
    edges.accept('send-email');
    expect(await deliver()).toEqual([]);
    edges.answer(place, []);
    edges.answer(placed, rows());
    expect(await deliver()).toEqual([]);
    edges.answer(placed, rows({ ...noPhoto, emailId: null }));
    expect(await deliver()).toEqual([]);
    const both = ['keep-original', 'send-email'];
    expect(edges.sent.map(({ to }) => to)).toEqual(['keep-original', ...both, ...both]);
  });

  test('marks the payment once all is sent; a mark that fails is the sweep’s to repeat', async () => {
    edges.answer(place, rows());
    edges.refuse('send-email');
    expect(await deliver()).toEqual(['message-0']);
    expect(provider.markPlaced).not.toHaveBeenCalled();
    edges.accept('send-email');
    provider.markPlaced.mockRejectedValue(permanentFailure('payment_refused', 'no'));
    expect(await deliver()).toEqual([]);
    expect(provider.markPlaced.mock.calls).toEqual([['pi_1', orderId]]);
    expect(edges.log.lines()).toContainEqual(
      expect.objectContaining({ message: 'order not marked', orderId }),
    );
  });

  test('marks a second payment too, which needs no order', async () => {
    edges.answer(place, []);
    edges.answer(placed, rows({ checkoutId: 'cs_first' }));
    await deliver();
    expect(provider.markPlaced.mock.calls).toEqual([['pi_1', orderId]]);
  });

  test('gives a second payment for the same photos back, and orders nothing', async () => {
    edges.answer(place, []);
    edges.answer(placed, rows({ checkoutId: 'cs_first' }));
    expect(await deliver()).toEqual([]);
    expect(provider.refund).toHaveBeenCalledWith({
      paymentIntentId: 'pi_1',
      reason: 'duplicate',
      key: 'paid-twice-pi_1',
    });
    expect(edges.sent).toEqual([]);
  });

  test('asks nothing back of a second payment that is still under way', async () => {
    provider.getCheckout.mockResolvedValue(checkout({ paymentStatus: 'unpaid' }));
    edges.answer(place, []);
    edges.answer(placed, rows({ checkoutId: 'cs_first' }));
    expect(await deliver()).toEqual([]);
    expect(provider.refund).not.toHaveBeenCalled();
  });

  test('leaves alone a checkout that is none of ours', async () => {
    provider.getCheckout.mockResolvedValue(checkout({ uploadSessionId: null }));
    expect(await deliver()).toEqual([]);
    expect(edges.ran).toEqual([]);
  });

  test.each<[string, () => void]>([
    ['is not complete yet', () => provider.getCheckout.mockResolvedValue(checkout({ status: 'open' }))],
    [
      'names no email address',
      () =>
        provider.getCheckout.mockResolvedValue(
          checkout({ customer: { email: null, name: null, phone: null } }),
        ),
    ],
    ['names no attempt', () => provider.getCheckout.mockResolvedValue(checkout({ attempt: null }))],
    [
      'cannot be read',
      () => provider.getCheckout.mockRejectedValue(permanentFailure('payment_refused', 'No.')),
    ],
    [
      'wrote no order',
      () => {
        edges.answer(place, []);
        edges.answer(placed, []);
      },
    ],
  ])('never acknowledges a checkout that %s', async (_what, arrange) => {
    edges.answer(place, rows());
    arrange();
    expect(await deliver()).toEqual(['message-0']);
    expect(edges.sent).toEqual([]);
  });
});

describe('keep-original', () => {
  const keep = 'payment/keep-original/keep';
  const fail = 'payment/keep-original/fail';
  const deliver = async () => failuresOf(await keepOriginal.handler(sqsEvent(keeping)));
  let s3: ReturnType<typeof replaceS3>;
  beforeEach(() => {
    s3 = replaceS3();
  });

  test('keeps the photo that was sold, and asks for its restoration', async () => {
    s3.put('temp/uploads/temp/s/u.jpg', Buffer.from('photo'), 'sold');
    edges.answer(keep, [{ jobId, attempt: 1 }]);
    expect(await deliver()).toEqual([]);
    expect(s3.objects.has('originals/uploads/originals/o/i.jpg')).toBe(true);
    expect(edges.sent).toEqual([{ to: 'submit-job', message: { jobId, attempt: 1 }, groupId: orderId }]);
  });

  test.each([
    ['jpg', 'image/jpeg'],
    ['png', 'image/png'],
    ['webp', 'image/webp'],
  ])('keeps what was found to be a %s as %s, whatever it was posted as', async (ending, type) => {
    s3.put('temp/uploads/temp/s/u.jpg', Buffer.from('photo'), 'sold');
    edges.answer(keep, [{ statusBefore: 'pending', jobId, attempt: 1 }]);
    const originalKey = `uploads/originals/o/i.${ending}`;
    expect(failuresOf(await keepOriginal.handler(sqsEvent({ ...keeping, originalKey })))).toEqual([]);
    expect(s3.objects.get(`originals/${originalKey}`)).toMatchObject({ type });
  });

  test('asks for nothing while the order is not paid, or when the job is taken', async () => {
    s3.put('originals/uploads/originals/o/i.jpg', Buffer.from('photo'));
    edges.answer(keep, [{ jobId: null, attempt: null }]);
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toEqual([]);
  });

  test('redelivered after its message was lost, finds the copy and asks again', async () => {
    s3.put('temp/uploads/temp/s/u.jpg', Buffer.from('photo'), 'sold');
    edges.answer(keep, [{ jobId, attempt: 1 }]);
    edges.refuse('submit-job');
    expect(await deliver()).toEqual(['message-0']);
    edges.accept('submit-job');
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toHaveLength(1);
    expect(s3.calls.filter((call) => call.startsWith('CopyObject'))).toHaveLength(1);
  });

  test.each([
    ['upload_missing', () => {}, false],
    ['upload_changed', () => s3.put('temp/uploads/temp/s/u.jpg', Buffer.from('photo'), 'another'), true],
  ])(
    'fails a photo with %s, and asks for the order’s end if it was the last',
    async (code, arrange, last) => {
      arrange();
      edges.answer(fail, [{ last }]);
      expect(await deliver()).toEqual([]);
      expect(edges.paramsOf(fail)).toMatchObject({ imageId, errorCode: code });
      expect(edges.sent).toEqual(
        last ? [{ to: 'complete-order', message: { orderId }, groupId: orderId }] : [],
      );
    },
  );

  test('comes again when S3 does not answer, failing nothing', async () => {
    s3.put('temp/uploads/temp/s/u.jpg', Buffer.from('photo'), 'sold');
    s3.fail('CopyObject', 503);
    expect(await deliver()).toEqual(['message-0']);
    expect(edges.ran).toEqual([]);
  });

  test('comes again when there is no such image yet, either way', async () => {
    edges.answer(fail, []);
    expect(await deliver()).toEqual(['message-0']);
    s3.put('temp/uploads/temp/s/u.jpg', Buffer.from('photo'), 'sold');
    edges.answer(keep, []);
    expect(await deliver()).toEqual(['message-0']);
  });
});

describe('settle-payment', () => {
  const settle = 'payment/settle-payment/settle';
  const cancel = 'payment/settle-payment/cancel';
  const rows = (paymentStatus: string, more: Row = {}): Row[] => [
    { orderId, paymentStatus, allEnded: false, paidByThis: true, emailIds: [], ...noPhoto, ...more },
  ];
  const deliver = async (type = 'charge.refunded') =>
    failuresOf(await settlePayment.handler(sqsEvent(event(type))));
  const settledTo = () =>
    edges.ran.filter(({ statement }) => statement === settle).map(({ params }) => params.paymentStatus);

  test('sends the photos of an order paid late through keep-original again', async () => {
    edges.answer(settle, rows('paid', photoRow));
    expect(await deliver('checkout.session.async_payment_succeeded')).toEqual([]);
    expect(settledTo()).toEqual(['paid']);
    expect(edges.sent).toEqual([{ to: 'keep-original', message: keeping, groupId: orderId }]);
  });

  test('never acknowledges a success that the provider does not show yet', async () => {
    provider.getPayment.mockResolvedValue(payment({ paid: false }));
    expect(await deliver('checkout.session.async_payment_succeeded')).toEqual(['message-0']);
    expect(edges.ran).toEqual([]);
  });

  test('takes an order that is refunded before it was known to be paid through both moves', async () => {
    provider.getPayment.mockResolvedValue(payment({ refundedCents: 1000 }));
    edges.answer(settle, ({ paymentStatus }) => rows(String(paymentStatus)));
    edges.answer(cancel, [{ cancelled: 2 }]);
    expect(await deliver()).toEqual([]);
    expect(edges.statements()).toEqual([settle, settle, cancel]);
    expect(settledTo()).toEqual(['paid', 'refunded']);
  });

  test('cancels nothing for a partial refund', async () => {
    provider.getPayment.mockResolvedValue(payment({ refundedCents: 1 }));
    edges.answer(settle, ({ paymentStatus }) => rows(String(paymentStatus)));
    expect(await deliver()).toEqual([]);
    expect(edges.statements()).toEqual([settle, settle]);
  });

  test('records that the money will not come', async () => {
    provider.getPayment.mockResolvedValue(payment({ paid: false }));
    edges.answer(settle, rows('failed'));
    expect(await deliver('checkout.session.async_payment_failed')).toEqual([]);
    expect(settledTo()).toEqual(['failed']);
  });

  test.each([
    ['gives back a second payment that arrives late', 'checkout.session.async_payment_succeeded', 1],
    ['takes no other word for a second payment', 'charge.dispute.closed', 0],
  ])('%s', async (_, type, refunds) => {
    edges.answer(settle, rows('paid', { paidByThis: false }));
    expect(await deliver(type)).toEqual([]);
    expect(provider.refund).toHaveBeenCalledTimes(refunds);
    expect(edges.sent).toEqual([]);
  });

  test('asks for the end of an order none of whose photos is open', async () => {
    edges.answer(settle, rows('paid', { allEnded: true }));
    await deliver('charge.dispute.closed');
    expect(edges.sent).toEqual([{ to: 'complete-order', message: { orderId }, groupId: orderId }]);
  });

  test('sends the mail that waited while the photos were withheld', async () => {
    edges.answer(settle, rows('paid', { emailIds: [imageId] }));
    expect(await deliver('charge.dispute.closed')).toEqual([]);
    expect(edges.sent).toEqual([{ to: 'send-email', message: { emailId: imageId }, groupId: orderId }]);
  });

  test('comes again while the order is not placed', async () => {
    edges.answer(settle, []);
    expect(await deliver()).toEqual(['message-0']);
  });

  describe('told that a checkout expired', () => {
    const giveUp = 'payment/settle-payment/give-up';
    const photo = 'temp/uploads/temp/s/u.jpg';
    const told = () => deliver('checkout.session.expired');
    let s3: ReturnType<typeof replaceS3>;
    beforeEach(() => {
      s3 = replaceS3();
      s3.put(photo, Buffer.from('photo'));
      edges.answer(giveUp, [{ paths: ['uploads/temp/s/u.jpg'] }]);
    });

    test('deletes the photos that nobody can buy any more, and again when told again', async () => {
      provider.getCheckout.mockResolvedValue(checkout({ status: 'expired' }));
      expect([await told(), await told()]).toEqual([[], []]);
      expect(edges.statements()).toEqual([giveUp, giveUp]);
      expect(s3.objects.has(photo)).toBe(false);
    });

    test.each([
      ['is complete', { status: 'complete' as const }],
      ['is none of ours', { status: 'expired' as const, uploadSessionId: null }],
    ])('touches nothing of one that %s', async (_what, more) => {
      provider.getCheckout.mockResolvedValue(checkout(more));
      expect(await told()).toEqual([]);
      expect(edges.ran).toEqual([]);
      expect(s3.objects.has(photo)).toBe(true);
    });
  });

  test('acknowledges what is none of ours, or names no payment', async () => {
    provider.getPayment.mockResolvedValue(payment({ uploadSessionId: null }));
    expect(await deliver()).toEqual([]);
    provider.getCheckout.mockResolvedValue(checkout({ paymentIntentId: null }));
    expect(await deliver('checkout.session.async_payment_failed')).toEqual([]);
    expect(edges.ran).toEqual([]);
  });
});
