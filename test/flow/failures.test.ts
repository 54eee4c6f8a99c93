/** What goes wrong with photos and with money, and how the order and the customer's mail say so. */
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import {
  asOperator,
  atStripe,
  breakReplicate,
  cancelPrediction,
  comesAgain,
  functionOf,
  givenUp,
  illegalMoves,
  injectInto,
  predictions,
  rows,
  stripe,
} from './backstage.ts';
import {
  ended,
  openCheckout,
  openSystem,
  payAt,
  payer,
  photo,
  placeOrder,
  type TestSystem,
  uploadPhotos,
} from './system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await openSystem();
});
afterAll(() => system?.close());

const jobsOf = ({ orderId }: customer.Order) =>
  rows(
    system,
    `select job.status, job.attempt_number as attempt, job.error_code as code
     from restoreclick.restoration_jobs as job join restoreclick.images as image on image.id = job.original_image_id
     where image.order_id = $1 order by image.original_filename`,
    [orderId],
  );

const originalsOf = ({ orderId }: customer.Order) =>
  rows(
    system,
    `select original_filename as name, status, error_code as code from restoreclick.images
     where order_id = $1 and type = 'original' order by original_filename`,
    [orderId],
  );

const orderOf = async ({ orderId }: customer.Order) =>
  (
    await rows(system, 'select status, payment_status as payment from restoreclick.orders where id = $1', [
      orderId,
    ])
  )[0];

/** Waits until the order stands like that. */
const becomes = (order: customer.Order, status: string, payment: string) =>
  system.until(
    () => orderOf(order),
    (now) => now?.status === status && now.payment === payment,
  );

const asked = ({ orderId, key }: customer.Order, action: string, body: object) =>
  fetch(`${system.at.api}/api/orders/${orderId}/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });

async function problemOf(answer: Promise<Response>) {
  const { status, type } = (await (await answer).json()) as { status: number; type: string };
  return [status, type.replace('urn:restoreclick:problem:', '')];
}

const lastMail = async (email: string, { orderNumber }: customer.Order) =>
  (await customer.readMails(system.at, email, orderNumber, 2)).at(-1);

describe('photos that cannot be restored', () => {
  test('one of two refused by moderation: the order completes, and the mail names the photo', async () => {
    const by = payer('refused');
    await breakReplicate(system, { fault: 'moderation' });
    const order = await placeOrder(system, [await photo('One.jpg', 1), await photo('Two.jpg', 2)], by);
    const { status, photos } = await ended(system, order);
    expect(status).toBe('completed');
    expect(photos.map(({ state }) => state).sort()).toEqual(['failed', 'restored']);
    const failed = photos.find(({ state }) => state === 'failed')?.name ?? '';
    const mail = await lastMail(by.email, order);
    expect(mail?.text).toMatch(new RegExp(`could not[\\s\\S]*${failed}`));
    expect(mail && customer.downloadLinks(mail)).toHaveLength(1);
    expect((await originalsOf(order)).map(({ code }) => code).sort()).toEqual(['moderation_refused', null]);
    expect(await predictions(system, order.orderId)).toHaveLength(2);
  });

  test('all refused: the order has failed, and the mail says so', async () => {
    const by = payer('all-refused');
    await breakReplicate(system, { fault: 'moderation' });
    const order = await placeOrder(system, [await photo('Only.jpg', 3)], by);
    expect((await ended(system, order)).status).toBe('failed');
    const mail = await lastMail(by.email, order);
    expect(mail?.text).toContain('Only.jpg');
    expect(mail && customer.downloadLinks(mail)).toEqual([]);
  });

  test('a failure that may pass: a second attempt restores it', async () => {
    await breakReplicate(system, { fault: 'E1000' });
    const order = await placeOrder(system, [await photo('One.jpg', 4)]);
    expect((await ended(system, order)).status).toBe('completed');
    expect(await jobsOf(order)).toEqual([{ status: 'completed', attempt: 2, code: null }]);
    expect(await predictions(system, order.orderId)).toHaveLength(2);
  });

  test('a failure that does not pass: three attempts, then the photo has failed', async () => {
    await breakReplicate(system, { fault: 'E6716', calls: 3 });
    const order = await placeOrder(system, [await photo('One.jpg', 5)]);
    expect((await ended(system, order)).status).toBe('failed');
    expect(await jobsOf(order)).toEqual([{ status: 'failed', attempt: 3, code: 'prediction_timed_out' }]);
  });

  test('a prediction canceled at Replicate: another attempt follows', async () => {
    await breakReplicate(system, { fault: 'hang' });
    const order = await placeOrder(system, [await photo('One.jpg', 6)]);
    const [running] = await system.until(
      () => predictions(system, order.orderId),
      (found) => found.length === 1,
    );
    await cancelPrediction(system, running?.id ?? '');
    expect((await ended(system, order)).status).toBe('completed');
    expect(await jobsOf(order)).toEqual([{ status: 'completed', attempt: 2, code: null }]);
  });

  test('a prediction that hangs until Replicate’s deadline: another attempt follows', async () => {
    await breakReplicate(system, { fault: 'hang' });
    const order = await placeOrder(system, [await photo('One.jpg', 7)]);
    await system.until(
      () => jobsOf(order),
      ([job]) => job?.status === 'processing',
    );
    system.clock.advance(900_000);
    expect((await ended(system, order)).status).toBe('completed');
    expect(await jobsOf(order)).toEqual([{ status: 'completed', attempt: 2, code: null }]);
  });
});

describe('originals that are not what was sold', () => {
  test('changed or deleted after the checkout: those photos fail by name, the others are restored', async () => {
    const photos = [
      await photo('Changed.jpg', 8),
      await photo('Deleted.jpg', 9),
      await photo('Well.jpg', 10),
    ];
    const sessionId = await uploadPhotos(system, photos);
    const checkout = await openCheckout(system, sessionId);
    const uploads = await rows(
      system,
      'select storage_path as key from restoreclick.file_uploads where upload_session_id = $1 order by original_filename',
      [sessionId],
    );
    const [changed, deleted] = uploads.map(({ key }) => String(key));
    const Bucket = functionOf(system, 'payment/keep-original').environment.TEMP_BUCKET;
    const s3 = new S3Client(asOperator(system));
    const { bytes } = await photo('Other.jpg', 11);
    await s3.send(new PutObjectCommand({ Bucket, Key: changed, Body: bytes, ContentType: 'image/jpeg' }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: deleted }));
    s3.destroy();
    await payAt(checkout);
    const order = await customer.claim(system.at, checkout.checkoutId);
    expect((await ended(system, order)).status).toBe('completed');
    expect(await originalsOf(order)).toEqual([
      { name: 'Changed.jpg', status: 'failed', code: 'upload_changed' },
      { name: 'Deleted.jpg', status: 'failed', code: 'upload_missing' },
      { name: 'Well.jpg', status: 'completed', code: null },
    ]);
  });
});

describe('money that comes late, or goes back', () => {
  test('a bank debit: photos are kept unpaid, and restored when the money has come', async () => {
    const by = payer('debit');
    const checkout = await openCheckout(system, await uploadPhotos(system, [await photo('One.jpg', 12)], by));
    await payAt(checkout, by, 'later');
    const order = await customer.claim(system.at, checkout.checkoutId);
    await system.until(
      () => originalsOf(order),
      ([original]) => original?.status === 'uploaded',
    );
    expect(await orderOf(order)).toEqual({ status: 'pending_payment', payment: 'pending' });
    expect(await jobsOf(order)).toEqual([]);
    await atStripe(system, `sessions/${checkout.checkoutId}/settle`, { outcome: 'succeeded' });
    expect((await ended(system, order)).status).toBe('completed');
    expect(await orderOf(order)).toEqual({ status: 'completed', payment: 'paid' });
  });

  test('a bank debit that is returned: the order has failed, and nothing was restored', async () => {
    const by = payer('returned');
    const checkout = await openCheckout(system, await uploadPhotos(system, [await photo('One.jpg', 13)], by));
    await payAt(checkout, by, 'later');
    const order = await customer.claim(system.at, checkout.checkoutId);
    await atStripe(system, `sessions/${checkout.checkoutId}/settle`, { outcome: 'failed' });
    await becomes(order, 'failed', 'failed');
    expect(await predictions(system, order.orderId)).toEqual([]);
  });

  test('a part refunded leaves the downloads open; the rest refunded ends the order', async () => {
    const by = payer('refunded');
    const order = await placeOrder(system, [await photo('One.jpg', 14)], by);
    const { photos } = await ended(system, order);
    const payment = await paymentOf(order);
    await atStripe(system, `payments/${payment}/refund`, { amount: '100' });
    await becomes(order, 'completed', 'partially_refunded');
    const link = await customer.linkTo(system.at, order, photos[0]?.restored?.id ?? '');
    expect((await customer.download(link)).name).toBe('One restored.png');
    await atStripe(system, `payments/${payment}/refund`);
    await becomes(order, 'refunded', 'refunded');
    expect(await problemOf(fetch(link, { redirect: 'manual' }))).toEqual([410, 'order-refunded']);
    expect(await problemOf(asked(order, 'downloads', { type: 'zip_all' }))).toEqual([410, 'order-refunded']);
    expect(await problemOf(asked(order, 'share', { recipients: [by.email] }))).toEqual([
      410,
      'order-refunded',
    ]);
  });

  test('a refund told before its order exists waits for it', async () => {
    const by = payer('early');
    const checkout = await openCheckout(system, await uploadPhotos(system, [await photo('One.jpg', 15)], by));
    // Both the checkout's event and what came of it are late: the refund overtakes them.
    injectInto(system, 'payment/receive-stripe-event', { service: 'sqs', action: 'kill-before' });
    await payAt(checkout, by);
    await system.until(
      async () => system.log.some((line) => line.includes('not delivered: 500')),
      (late) => late,
    );
    const paid = await stripe<{ payment_intent: string }>(system, `checkout/sessions/${checkout.checkoutId}`);
    await atStripe(system, `payments/${paid.payment_intent}/refund`);
    await comesAgain(system, 'payment/settle-payment');
    const order = await customer.claim(system.at, checkout.checkoutId);
    await comesAgain(system, 'payment/settle-payment');
    await becomes(order, 'refunded', 'refunded');
    expect(givenUp(system)).toEqual({});
  });

  test('refunded in full while its photo is being restored: the work is cancelled', async () => {
    await breakReplicate(system, { fault: 'hang' });
    const order = await placeOrder(system, [await photo('One.jpg', 16)]);
    await system.until(
      () => jobsOf(order),
      ([job]) => job?.status === 'processing',
    );
    await atStripe(system, `payments/${await paymentOf(order)}/refund`);
    await becomes(order, 'refunded', 'refunded');
    await system.until(
      () => jobsOf(order),
      ([job]) => job?.status === 'cancelled',
    );
    expect(await jobsOf(order)).toEqual([{ status: 'cancelled', attempt: 1, code: 'order_refunded' }]);
  });

  test('a dispute withholds the photos until it is won', async () => {
    const order = await placeOrder(system, [await photo('One.jpg', 17)]);
    const { photos } = await ended(system, order);
    const link = await customer.linkTo(system.at, order, photos[0]?.restored?.id ?? '');
    const { disputes } = await atStripe(system, `payments/${await paymentOf(order)}/dispute`);
    await becomes(order, 'completed', 'disputed');
    expect(await problemOf(fetch(link, { redirect: 'manual' }))).toEqual([410, 'order-disputed']);
    expect(await problemOf(asked(order, 'downloads', { type: 'zip_all' }))).toEqual([410, 'order-disputed']);
    await atStripe(system, `disputes/${disputes[0]?.id}/close`, { status: 'won' });
    await becomes(order, 'completed', 'paid');
    expect((await customer.download(link)).name).toBe('One restored.png');
  });

  test('a payment page that nobody pays on: the photos go with it', async () => {
    const sessionId = await uploadPhotos(system, [await photo('One.jpg', 18)]);
    await openCheckout(system, sessionId);
    const [upload] = await rows(
      system,
      'select storage_path as key from restoreclick.file_uploads where upload_session_id = $1',
      [sessionId],
    );
    const Bucket = functionOf(system, 'payment/keep-original').environment.TEMP_BUCKET;
    const s3 = new S3Client(asOperator(system));
    const there = () =>
      s3.send(new HeadObjectCommand({ Bucket, Key: String(upload?.key) })).then(
        () => true,
        () => false,
      );
    expect(await there()).toBe(true);
    // Stripe ends the page after a day; S3's own rule would have kept the photo for thirty.
    system.clock.advance(24 * 3_600_000);
    expect(await system.until(there, (still) => !still)).toBe(false);
    s3.destroy();
    expect(givenUp(system)).toEqual({});
  });

  test('none of all that was an illegal move', async () => {
    expect(await illegalMoves(system)).toEqual([]);
  });
});

async function paymentOf({ orderId }: customer.Order): Promise<string> {
  const [row] = await rows(
    system,
    'select stripe_payment_intent_id as payment from restoreclick.orders where id = $1',
    [orderId],
  );
  return String(row?.payment);
}
