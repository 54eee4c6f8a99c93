/**
 * The payment flow's statements up to the photos that are kept: what they write, answer, and leave
 * alone.
 */

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freeze } from '../../lambdas/payment/create-checkout/freeze.sql';
import { record } from '../../lambdas/payment/create-checkout/record.sql';
import { fail } from '../../lambdas/payment/keep-original/fail.sql';
import { keep } from '../../lambdas/payment/keep-original/keep.sql';
import { place } from '../../lambdas/payment/place-order/place.sql';
import { placed } from '../../lambdas/payment/place-order/placed.sql';
import { giveUp } from '../../lambdas/payment/settle-payment/give-up.sql';
import { claim } from '../../lambdas/restoration/submit-job/claim.sql';
import { leaseSeconds, nobody, paymentOf, type Session } from '../../schema/samples/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { day, type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

const asked = ({ sessionId }: Session) => ({
  ...nobody,
  sessionId,
  unitAmountCents: 499,
  currency: 'USD',
  onlyArrived: false,
  moreSeconds: 86_400,
  maxAttempts: 3,
  customerEmail: 'ADA@example.com',
});
const photosOf = (orderId: string) =>
  shop.rows(`select * from images where order_id = $1 and type = 'original' order by id`, [orderId]);

describe('create-checkout', () => {
  test('freezes the photos that arrived, and keeps them for the time of the checkout', async () => {
    const session = await shop.arrived(2);
    const [row] = await shop.run(freeze, asked(session));
    expect(row).toEqual({
      known: 2,
      sold: false,
      arriving: [],
      attempt: 1,
      exhausted: false,
      paths: session.uploads.map(({ path }) => path).sort(),
      earlierCheckoutId: null,
    });
    const uploads = await shop.rows('select * from file_uploads where upload_session_id = $1', [
      session.sessionId,
    ]);
    for (const upload of uploads) {
      expect(upload).toMatchObject({ checkout_attempt: 1, customer_email: 'ada@example.com' });
      expect(upload.expires_at.getTime() - Date.now()).toBeGreaterThan(1.9 * day);
    }
  });

  test('names the photos still arriving and then changes nothing, unless told to sell without them', async () => {
    const session = await shop.announced(2);
    await shop.arrive({ ...session, uploads: session.uploads.slice(0, 1) });
    const wrote = await shop.written(async () =>
      expect(await shop.run(freeze, asked(session))).toMatchObject([
        { known: 2, attempt: null, paths: [], arriving: ['photo-1.jpg'] },
      ]),
    );
    expect(wrote).toEqual([]);
    const [row] = await shop.run(freeze, { ...asked(session), onlyArrived: true });
    expect(row).toMatchObject({ attempt: 1, paths: [session.uploads[0]?.path] });
  });

  test('a second checkout names the first, and sells what the first sold too', async () => {
    const first = await shop.checkOut(await shop.arrived(1));
    const [row] = await shop.run(freeze, asked(first));
    expect(row).toMatchObject({ attempt: 2, earlierCheckoutId: first.checkoutId });
    const uploads = await shop.rows(
      'select checkout_attempt from file_uploads where upload_session_id = $1',
      [first.sessionId],
    );
    expect(uploads).toEqual([{ checkout_attempt: 1 }]);
  });

  test.each([
    ['an unknown session', async () => ({ sessionId: 'never', uploads: [] }), { known: 0, sold: false }],
    ['an ordered session', () => shop.placed({ count: 1 }), { known: 1, sold: true }],
  ])('sells nothing of %s', async (_, make, answer) => {
    const session = await make();
    const wrote = await shop.written(async () =>
      expect(await shop.run(freeze, asked(session))).toMatchObject([{ ...answer, attempt: null, paths: [] }]),
    );
    expect(wrote).toEqual([]);
  });

  test('sells no photo that has expired', async () => {
    const session = await shop.arrived(1);
    expect(await shop.run(freeze, asked(session), { aheadMs: 2 * day })).toMatchObject([
      { known: 1, attempt: null, paths: [], arriving: [] },
    ]);
  });

  test('opens no more attempts than it may, and makes the photos live longer once', async () => {
    const session = await shop.arrived(1);
    for (const attempt of [1, 2, 3])
      expect(await shop.run(freeze, asked(session))).toMatchObject([{ attempt, exhausted: attempt > 3 }]);
    const fourth = async () =>
      expect(await shop.run(freeze, asked(session))).toMatchObject([{ attempt: null, exhausted: true }]);
    expect(await shop.written(fourth)).toEqual([]);
    const [upload] = await shop.rows('select * from file_uploads where upload_session_id = $1', [
      session.sessionId,
    ]);
    expect(upload.expires_at.getTime() - Date.now()).toBeLessThan(2 * day);
  });

  test('records the Checkout Session of an attempt, and of no other', async () => {
    const session = await shop.arrived(1);
    await shop.run(freeze, asked(session));
    const recorded = { sessionId: session.sessionId, checkoutId: `cs_${randomUUID()}`, attempt: 1 };
    expect(await shop.run(record, recorded)).toHaveLength(1);
    expect(await shop.written(() => shop.run(record, recorded))).toEqual([]);
    expect(await shop.run(record, { ...recorded, attempt: 2 })).toEqual([]);
  });
});

describe('settle-payment gives up', () => {
  const expired = ({ checkoutId }: { checkoutId: string }) => ({
    checkoutId,
    eventId: `evt_${checkoutId}`,
    eventType: 'checkout.session.expired',
  });
  const statusesOf = async ({ sessionId }: Session) =>
    (
      await shop.rows('select status from file_uploads where upload_session_id = $1 order by status', [
        sessionId,
      ])
    ).map(({ status }) => status);

  test('the photos of a checkout that ended unpaid, and tells their keys again when told again', async () => {
    const session = await shop.announced(2);
    await shop.arrive({ ...session, uploads: session.uploads.slice(0, 1) });
    const checkout = await shop.checkOut(session, true);
    const paths = [session.uploads[0]?.path];
    expect(await shop.run(giveUp, expired(checkout))).toEqual([{ paths }]);
    expect(await statusesOf(session)).toEqual(['expired', 'pending']);
    const again = async () => expect(await shop.run(giveUp, expired(checkout))).toEqual([{ paths }]);
    expect(await shop.written(again)).toEqual([]);
    expect(await shop.run(freeze, asked(session))).toMatchObject([{ attempt: null }]);
  });

  test('none that a later checkout sells, an order did, or nobody knows', async () => {
    const first = await shop.checkOut(await shop.arrived(1));
    await shop.checkOut(first);
    const none = async () => {
      for (const checkout of [first, await shop.placed({ count: 1 }), { checkoutId: 'cs_none' }])
        expect(await shop.run(giveUp, expired(checkout))).toEqual([{ paths: [] }]);
    };
    await none();
    expect(await statusesOf(first)).toEqual(['uploaded']);
  });
});

describe('place-order', () => {
  /** As the step does: what is not placed is there already. */
  const placeAgain = async (payment: ReturnType<typeof paymentOf>) => {
    expect(await shop.run(place, payment)).toEqual([]);
    return shop.run(placed, { sessionId: payment.sessionId });
  };

  test('writes the customer, the order, its photos, its confirmation and the event in one breath', async () => {
    const payment = paymentOf(await shop.checkOut(await shop.arrived(2)));
    const wrote = await shop.written(() =>
      shop.run(place, { ...payment, customerEmail: `${randomUUID()}@example.com` }),
    );
    expect(wrote).toEqual([
      'customer created',
      'email created',
      'image created',
      'image created',
      'order created',
      'webhook_event created',
    ]);
  });

  test('answers each photo to keep, with where it lies and its ETag', async () => {
    const checkout = await shop.checkOut(await shop.arrived(2));
    const rows = await shop.run(place, paymentOf(checkout));
    expect(rows.map(({ uploadKey, uploadEtag }) => ({ path: uploadKey, etag: uploadEtag }))).toEqual(
      expect.arrayContaining(checkout.uploads.map(({ path, etag }) => ({ path, etag }))),
    );
    const [row] = rows;
    expect(row?.originalKey).toBe(`uploads/originals/${row?.orderId}/${row?.imageId}.jpg`);
    expect(await shop.rows('select * from orders where id = $1', [row?.orderId])).toEqual([
      expect.objectContaining({ status: 'processing', payment_status: 'paid', total_amount: '9.98' }),
    ]);
  });

  test('asked again, changes nothing and answers what is still to be done', async () => {
    const order = await shop.placed({ count: 2 });
    const [kept, unkept] = order.photos;
    await shop.run(keep, { orderId: order.orderId, imageId: kept?.imageId ?? '' });
    const wrote = await shop.written(async () =>
      expect(await placeAgain(paymentOf(order))).toMatchObject([
        {
          orderId: order.orderId,
          emailId: order.emailId,
          imageId: unkept?.imageId,
          checkoutId: order.checkoutId,
        },
      ]),
    );
    expect(wrote).toEqual([]);
  });

  test('with every photo kept, answers the order alone', async () => {
    const order = await shop.kept();
    expect(await placeAgain(paymentOf(order))).toMatchObject([{ orderId: order.orderId, imageId: null }]);
  });

  test('another event about the same checkout joins the inbox and nothing else', async () => {
    const order = await shop.placed();
    const wrote = await shop.written(() =>
      placeAgain({ ...paymentOf(order), eventId: `evt_${randomUUID()}` }),
    );
    expect(wrote).toEqual(['webhook_event created']);
  });

  test('a second payment of the same photos makes no second order and finds that of the first', async () => {
    const order = await shop.placed();
    const rows = await placeAgain({
      ...paymentOf(order),
      checkoutId: `cs_${randomUUID()}`,
      paymentIntentId: `pi_${randomUUID()}`,
      eventId: `evt_${randomUUID()}`,
    });
    expect(rows).toHaveLength(2);
    for (const row of rows)
      expect(row).toMatchObject({ orderId: order.orderId, checkoutId: order.checkoutId });
  });

  test('a customer who returns, in whatever case, is the same', async () => {
    const orders = [await shop.placed(), await shop.placed()];
    const customers = await shop.rows('select distinct customer_id from orders where id = any ($1)', [
      orders.map(({ orderId }) => orderId),
    ]);
    expect(customers).toHaveLength(1);
  });

  test('a customer whose address was changed by hand, and who orders by the old one, is a new one', async () => {
    const payment = async () => ({
      ...paymentOf(await shop.checkOut(await shop.arrived(1))),
      customerEmail: 'Old@example.com',
    });
    const first = await payment();
    const [before] = await shop.run(place, first);
    await database.pool('superuser').query(
      `with actor as materialized (select set_config('app.actor', 'operator', true))
       update restoreclick.customers set email = 'new@example.com' from actor where email = 'old@example.com'`,
    );
    expect(await shop.run(place, first)).toEqual([]);
    const [after] = await shop.run(place, await payment());
    const orders = await shop.rows(
      'select o.id, c.email from orders as o join customers as c on c.id = o.customer_id where o.id = any ($1) order by c.email',
      [[before?.orderId, after?.orderId]],
    );
    expect(orders).toEqual([
      { id: before?.orderId, email: 'new@example.com' },
      { id: after?.orderId, email: 'old@example.com' },
    ]);
  });

  test('an order that is paid later waits for its money', async () => {
    const { orderId } = await shop.placed({ paid: false });
    expect(await shop.rows('select * from orders where id = $1', [orderId])).toEqual([
      expect.objectContaining({ status: 'pending_payment', payment_status: 'pending', paid_at: null }),
    ]);
  });

  test('sells only what its own attempt sold', async () => {
    const session = await shop.announced(2);
    await shop.arrive({ ...session, uploads: session.uploads.slice(0, 1) });
    const [frozen] = await shop.run(freeze, { ...asked(session), onlyArrived: true });
    await shop.arrive(session);
    await shop.run(freeze, asked(session));
    const checkout = { ...session, checkoutId: `cs_${randomUUID()}`, attempt: frozen?.attempt ?? 0 };
    const rows = await shop.run(place, { ...paymentOf(checkout), photoCount: 1 });
    expect(rows.map(({ uploadKey }) => uploadKey)).toEqual([session.uploads[0]?.path]);
  });
});

describe('keep-original', () => {
  const photoOf = ({ orderId, photos: [photo] }: { orderId: string; photos: { imageId: string }[] }) => ({
    orderId,
    imageId: photo?.imageId ?? '',
  });

  test('keeps the photo, moves the upload and makes the job, all at once', async () => {
    const order = await shop.placed({ count: 1 });
    const wrote = await shop.written(async () =>
      expect(await shop.run(keep, photoOf(order))).toEqual([{ jobId: expect.any(String), attempt: 1 }]),
    );
    expect(wrote).toEqual(['file_upload status_changed', 'image status_changed', 'restoration_job created']);
  });

  test('asked again, answers the job that nobody has taken; once taken, none', async () => {
    const order = await shop.kept({ count: 1 });
    const jobId = order.photos[0]?.jobId ?? '';
    const again = () => shop.run(keep, photoOf(order));
    expect(await shop.written(again)).toEqual([]);
    expect(await again()).toEqual([{ jobId, attempt: 1 }]);
    await shop.run(claim, { jobId, attempt: 1, leaseSeconds });
    expect(await shop.written(again)).toEqual([]);
    expect(await again()).toEqual([{ jobId: null, attempt: null }]);
  });

  test('keeps a photo whose money is not there yet, but asks for no restoration', async () => {
    const order = await shop.placed({ count: 1, paid: false });
    expect(await shop.run(keep, photoOf(order))).toEqual([{ jobId: null, attempt: null }]);
    expect(await photosOf(order.orderId)).toEqual([expect.objectContaining({ status: 'uploaded' })]);
  });

  test('a photo that cannot be kept has failed, and the last one open says so, again and again', async () => {
    const order = await shop.placed({ count: 2 });
    const [first, last] = order.photos.map(({ imageId }) => ({
      orderId: order.orderId,
      imageId,
      errorCode: 'upload_missing',
    }));
    if (!first || !last) throw new Error('Two photos were ordered.');
    expect(await shop.run(fail, first)).toEqual([{ last: false }]);
    expect(await shop.run(fail, last)).toEqual([{ last: true }]);
    expect(await shop.written(() => shop.run(fail, first))).toEqual([]);
    expect(await shop.run(fail, first)).toEqual([{ last: true }]);
    expect(await photosOf(order.orderId)).toMatchObject([
      { status: 'failed', error_code: 'upload_missing' },
      { status: 'failed', error_code: 'upload_missing' },
    ]);
  });

  test('fails no photo that is being restored, and keeps none that failed', async () => {
    const busy = await shop.claimed({ count: 1 });
    const failing = { ...photoOf(busy), errorCode: 'upload_missing' };
    expect(await shop.written(() => shop.run(fail, failing))).toEqual([]);
    const lost = await shop.placed({ count: 1 });
    await shop.run(fail, { ...photoOf(lost), errorCode: 'upload_missing' });
    expect(await shop.written(() => shop.run(keep, photoOf(lost)))).toEqual([]);
  });

  test("answers no row for an unknown photo and for another order's", async () => {
    const [mine, theirs] = [await shop.placed(), await shop.placed()];
    for (const imageId of [randomUUID(), photoOf(theirs).imageId]) {
      expect(await shop.run(keep, { orderId: mine.orderId, imageId })).toEqual([]);
      expect(await shop.run(fail, { orderId: mine.orderId, imageId, errorCode: 'x' })).toEqual([]);
    }
  });
});
