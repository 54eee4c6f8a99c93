/**
 * What becomes of a payment after its checkout: late money, none, refunds and disputes, as the
 * statements write them.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keep } from '../../lambdas/payment/keep-original/keep.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { fail } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { restored } from '../../lambdas/restoration/store-restored/restored.sql';
import { claim } from '../../lambdas/restoration/submit-job/claim.sql';
import { submitted } from '../../lambdas/restoration/submit-job/submitted.sql';
import {
  leaseSeconds,
  type Order,
  paymentEvent,
  restoration,
  submission,
} from '../../schema/samples/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

const settled = (order: Order, paymentStatus: string) => shop.run(settle, paymentEvent(order, paymentStatus));
const orderOf = async ({ orderId }: Order) =>
  (await shop.rows('select status, payment_status, paid_at from orders where id = $1', [orderId]))[0];
const jobsOf = ({ photos }: Order) =>
  shop.rows('select status, error_code from restoration_jobs where id = any ($1) order by status', [
    photos.map(({ jobId }) => jobId),
  ]);
const photosOf = ({ orderId }: Order) =>
  shop.rows(
    `select status, error_code from images where order_id = $1 and type = 'original' order by status`,
    [orderId],
  );

describe('money that comes later', () => {
  test('makes the order payable and sends every photo through keep-original again', async () => {
    const order = await shop.kept({ count: 2, paid: false });
    const rows = await settled(order, 'paid');
    expect(rows.map(({ imageId, uploadKey }) => ({ imageId, path: uploadKey }))).toEqual(
      expect.arrayContaining(
        order.photos.map(({ imageId }, at) => ({ imageId, path: order.uploads[at]?.path })),
      ),
    );
    expect(rows).toHaveLength(2);
    expect(await orderOf(order)).toEqual({
      status: 'processing',
      payment_status: 'paid',
      paid_at: expect.any(Date),
    });
    const [photo] = order.photos;
    const again = await shop.run(keep, { orderId: order.orderId, imageId: photo?.imageId ?? '' });
    expect(again).toEqual([{ jobId: expect.any(String), attempt: 1 }]);
  });

  test('told twice, still names the photos whose job nobody has taken, and no other', async () => {
    const order = await shop.kept({ count: 2, paid: false });
    await settled(order, 'paid');
    const jobs = [];
    for (const { imageId } of order.photos)
      jobs.push((await shop.run(keep, { orderId: order.orderId, imageId }))[0]?.jobId ?? '');
    await shop.run(claim, { jobId: jobs[0] ?? '', attempt: 1, leaseSeconds });
    const told = paymentEvent(order, 'paid');
    expect(await shop.written(() => shop.run(settle, told))).toEqual(['webhook_event created']);
    expect(await shop.written(() => shop.run(settle, told))).toEqual([]);
    expect(await shop.run(settle, told)).toMatchObject([
      { imageId: order.photos[1]?.imageId, allEnded: false },
    ]);
  });

  test('that does not come fails the order; a late word of failure about money that came is no news', async () => {
    const unpaid = await shop.kept({ paid: false });
    await settled(unpaid, 'failed');
    expect(await orderOf(unpaid)).toEqual({ status: 'failed', payment_status: 'failed', paid_at: null });
    const paid = await shop.kept();
    expect(await settled(paid, 'failed')).toMatchObject([
      { paymentStatus: 'paid' },
      { paymentStatus: 'paid' },
    ]);
    expect(await orderOf(paid)).toMatchObject({ status: 'processing', payment_status: 'paid' });
  });

  test('without its order answers no row, and leaves the event for the next time', async () => {
    const none = { sessionId: 'none', checkoutId: 'cs_none', paymentIntentId: 'pi_none' };
    const missing = { ...paymentEvent(await shop.placed(), 'paid'), ...none };
    expect(await shop.written(() => shop.run(settle, missing))).toEqual([]);
    expect(await shop.run(settle, missing)).toEqual([]);
  });

  test('only if it is awaited, when the event presupposes it', async () => {
    const refunded = await shop.kept();
    await settled(refunded, 'partially_refunded');
    await shop.run(settle, paymentEvent(refunded, 'paid', true));
    expect(await orderOf(refunded)).toMatchObject({ payment_status: 'partially_refunded' });
    const unpaid = await shop.kept({ paid: false });
    await shop.run(settle, paymentEvent(unpaid, 'paid', true));
    expect(await orderOf(unpaid)).toMatchObject({ status: 'processing', payment_status: 'paid' });
  });
});

describe('a refund', () => {
  test('in part takes nothing away', async () => {
    const order = await shop.kept({ count: 1 });
    expect(await settled(order, 'partially_refunded')).toMatchObject([
      { paymentStatus: 'partially_refunded', imageId: order.photos[0]?.imageId },
    ]);
    expect(await orderOf(order)).toMatchObject({ status: 'processing' });
    const claimed = await shop.run(claim, { jobId: order.photos[0]?.jobId ?? '', attempt: 1, leaseSeconds });
    expect(claimed).toMatchObject([{ outcome: 'claimed' }]);
  });

  test.each(['kept', 'claimed', 'processing'] as const)(
    'in full ends every job and photo of an order that is %s, once',
    async (stage) => {
      const order = await shop[stage]({ count: 2 });
      await settled(order, 'refunded');
      expect(await orderOf(order)).toMatchObject({ status: 'refunded', payment_status: 'refunded' });
      expect(await shop.run(cancel, { orderId: order.orderId })).toEqual([{ cancelled: 2 }]);
      const cancelled = { status: 'cancelled', error_code: 'order_refunded' };
      expect(await jobsOf(order)).toEqual([cancelled, cancelled]);
      const failed = { status: 'failed', error_code: 'order_refunded' };
      expect(await photosOf(order)).toEqual([failed, failed]);
      expect(await shop.written(() => shop.run(cancel, { orderId: order.orderId }))).toEqual([]);
    },
  );

  test('in full ends the photos that were not kept yet, and leaves restored ones alone', async () => {
    const unkept = await shop.placed({ count: 1 });
    await settled(unkept, 'refunded');
    expect(await shop.run(cancel, { orderId: unkept.orderId })).toEqual([{ cancelled: 0 }]);
    const keeping = { orderId: unkept.orderId, imageId: unkept.photos[0]?.imageId ?? '' };
    expect(await shop.run(keep, keeping)).toEqual([{ jobId: null, attempt: null }]);
    const done = await shop.completed({ count: 1 });
    await settled(done, 'refunded');
    expect(await shop.run(cancel, { orderId: done.orderId })).toEqual([{ cancelled: 0 }]);
    expect(await photosOf(done)).toEqual([{ status: 'completed', error_code: null }]);
  });

  test('cancels nothing of an order that is not refunded, or never was', async () => {
    const order = await shop.kept();
    for (const orderId of [order.orderId, randomUUID()])
      expect(await shop.run(cancel, { orderId })).toEqual([{ cancelled: 0 }]);
    expect(await jobsOf(order)).toMatchObject([{ status: 'pending' }, { status: 'pending' }]);
  });

  test('in full leaves no work to whoever comes later', async () => {
    const order = await shop.processing({ count: 1 });
    await settled(order, 'refunded');
    await shop.run(cancel, { orderId: order.orderId });
    const jobId = order.photos[0]?.jobId ?? '';
    const late = async () => {
      expect(await shop.run(claim, { jobId, attempt: 1, leaseSeconds })).toMatchObject([
        { outcome: 'ended' },
      ]);
      expect(await shop.run(submitted, submission(jobId))).toEqual([{ submitted: 0 }]);
      expect(await shop.run(restored, restoration(jobId))).toMatchObject([{ status: 'cancelled' }]);
      const failure = {
        jobId,
        attempt: 1,
        errorCode: 'x',
        errorMessage: null,
        retryable: true,
        counted: true,
      };
      expect(await shop.run(fail, failure)).toMatchObject([{ outcome: 'superseded' }]);
    };
    expect(await shop.written(late)).toEqual([]);
  });

  test.each([
    ['in full', 'paid', 'completed', 'completed'],
    ['of what was still being restored', 'paid', 'processing', 'completed'],
    ['after one in part', 'partially_refunded', 'kept', 'completed'],
  ] as const)('%s that fails gives the order back', async (_, back, stage, status) => {
    const order = await shop[stage]({ count: 1 });
    await settled(order, 'refunded');
    await shop.run(cancel, { orderId: order.orderId });
    await settled(order, back);
    expect(await orderOf(order)).toMatchObject({ status, payment_status: back });
  });
});

describe('a dispute', () => {
  test('stops what is not yet submitted, and goes on when it is won', async () => {
    const order = await shop.kept({ count: 1 });
    const jobId = order.photos[0]?.jobId ?? '';
    await settled(order, 'disputed');
    const claiming = () => shop.run(claim, { jobId, attempt: 1, leaseSeconds });
    expect(await claiming()).toMatchObject([{ outcome: 'not payable' }]);
    expect(await settled(order, 'paid')).toMatchObject([{ imageId: order.photos[0]?.imageId }]);
    expect(await claiming()).toMatchObject([{ outcome: 'claimed' }]);
  });

  test('that is lost is a refund', async () => {
    const order = await shop.completed({ count: 1 });
    await settled(order, 'disputed');
    expect(await orderOf(order)).toMatchObject({ status: 'completed', payment_status: 'disputed' });
    await settled(order, 'refunded');
    expect(await orderOf(order)).toMatchObject({ status: 'refunded', payment_status: 'refunded' });
  });

  test('that is won leaves a part refunded, if it was', async () => {
    const order = await shop.kept({ count: 1 });
    for (const status of ['partially_refunded', 'disputed']) await settled(order, status);
    expect(await settled(order, 'partially_refunded')).toMatchObject([
      { paymentStatus: 'partially_refunded', imageId: order.photos[0]?.imageId },
    ]);
  });

  test('about money that was given back is no news', async () => {
    const order = await shop.completed({ count: 1 });
    await settled(order, 'refunded');
    expect(await shop.written(() => settled(order, 'disputed'))).toEqual(['webhook_event created']);
    expect(await orderOf(order)).toMatchObject({ status: 'refunded', payment_status: 'refunded' });
  });
});

test('when every photo ended while the money was away, the order is asked about', async () => {
  const order = await shop.allRestored({ count: 1 });
  expect(await settled(order, 'disputed')).toMatchObject([{ allEnded: true, imageId: null }]);
});

test('a refund before its payment was ever announced is refused, so that it comes again', async () => {
  const order = await shop.placed({ paid: false });
  await expect(settled(order, 'refunded')).rejects.toMatchObject({ code: 'RC001' });
});
