/**
 * What arrives twice: events, messages, checkouts and payments. Nothing is doubled, and nothing is
 * lost.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Stripe from 'stripe';
import * as customer from '../../demo/customer.ts';
import {
  everything,
  givenUp,
  illegalMoves,
  injectInto,
  mailsTo,
  predictions,
  rows,
  secretOf,
  sendTo,
  stripe,
} from './backstage.ts';
import {
  askForCheckout,
  ended,
  type OpenCheckout,
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

type Event = { id: string; type: string; data: { object: { id: string } } };

/** The event of a checkout, as Stripe's dashboard lists it. */
async function eventOf(checkoutId: string): Promise<Event> {
  const { data } = await stripe<{ data: Event[] }>(system, 'events?type=checkout.session.completed');
  const event = data.find((candidate) => candidate.data.object.id === checkoutId);
  if (!event) throw new Error('Stripe has no such event.');
  return event;
}

/** Stripe's delivery of an event, once more. */
async function deliver(event: Event): Promise<number> {
  const payload = JSON.stringify(event);
  const header = Stripe.webhooks.generateTestHeaderString({
    payload,
    secret: secretOf(system, 'STRIPE_SECRET_ARN', 'webhookSecret'),
    timestamp: Math.floor(system.clock.now() / 1000),
  });
  const headers = { 'content-type': 'application/json', 'stripe-signature': header };
  const answer = await fetch(`${system.at.api}/api/webhooks/stripe`, {
    method: 'POST',
    headers,
    body: payload,
  });
  return answer.status;
}

describe('one payment told three times at once, and again', () => {
  test('makes one order, one confirmation, and one prediction a photo', async () => {
    const by = payer('thrice');
    const sessionId = await uploadPhotos(system, [await photo('One.jpg', 1), await photo('Two.jpg', 2)], by);
    const checkout = await openCheckout(system, sessionId);
    // Stripe's own first delivery is answered 500, so that the three come at once.
    injectInto(system, 'payment/receive-stripe-event', { service: 'sqs', action: 'kill-before' });
    await payAt(checkout, by);
    await system.until(
      async () => system.log.filter((line) => line.includes('not delivered: 500')),
      (found) => found.length > 0,
    );
    const event = await eventOf(checkout.checkoutId);
    expect(await Promise.all([deliver(event), deliver(event), deliver(event)])).toEqual([200, 200, 200]);
    const order = await customer.claim(system.at, checkout.checkoutId);
    expect((await ended(system, order)).status).toBe('completed');
    // Stripe has not heard of those three, and tries again.
    system.clock.advance(60_000);
    expect(await deliver(event)).toBe(200);
    await customer.readMails(system.at, by.email, order.orderNumber, 2);
    await system.quiet();

    expect(
      await rows(system, 'select id from restoreclick.orders where upload_session_id = $1', [sessionId]),
    ).toHaveLength(1);
    expect((await mailsTo(system.at, by.email)).map(({ subject }) => subject)).toEqual([
      `We have your photos: order ${order.orderNumber}`,
      `Your photos are restored: order ${order.orderNumber}`,
    ]);
    expect(await predictions(system, order.orderId)).toHaveLength(2);
    expect(
      await rows(system, 'select id from restoreclick.webhook_events where event_id = $1', [event.id]),
    ).toHaveLength(1);
  });
});

/** Every kind of message that an order made, as they lie in the queues. */
async function messagesOf({ orderId }: customer.Order): Promise<[string, object][]> {
  const many = async (step: string, sql: string) =>
    (await rows(system, sql, [orderId])).map((message): [string, object] => [step, message]);
  return [
    ['restoration/complete-order', { orderId }],
    ...(await many(
      'payment/place-order',
      `select event_id as "eventId", event_type as type, object_id as "objectId", null as "paymentIntentId"
       from restoreclick.webhook_events join restoreclick.orders on stripe_checkout_session_id = object_id
       where orders.id = $1 and event_type = 'checkout.session.completed'`,
    )),
    ...(await many(
      'payment/keep-original',
      `select image.order_id as "orderId", image.id as "imageId", upload.storage_path as "uploadKey",
         upload.etag as "uploadEtag", image.storage_path as "originalKey"
       from restoreclick.images as image join restoreclick.file_uploads as upload on upload.id = image.upload_id
       where image.order_id = $1`,
    )),
    ...(await many('restoration/submit-job', jobs('attempt_number as attempt'))),
    ...(await many('restoration/submit-job', jobs('attempt_number - 1 as attempt where attempt_number > 1'))),
    ...(await many(
      'restoration/fail-attempt',
      jobs(
        `attempt_number as attempt, 'prediction_failed' as code, 'The restoration model failed.' as message`,
      ),
    )),
    ...(await many(
      'restoration/fail-attempt',
      jobs(`1 as attempt, 'prediction_failed' as code, 'The restoration model failed.' as message`),
    )),
    ...(await many(
      'email/send-email',
      'select id as "emailId" from restoreclick.email_queue where order_id = $1',
    )),
    ...(await many(
      'download/build-archive',
      'select id as "linkId" from restoreclick.download_links where order_id = $1',
    )),
  ];
}

const jobs = (columns: string) => {
  const [wanted, condition = 'true'] = columns.split(' where ');
  return `select job.id as "jobId", ${wanted} from restoreclick.restoration_jobs as job
    join restoreclick.images as image on image.id = job.original_image_id
    where image.order_id = $1 and ${condition}`;
};

describe('every message of an order that has ended, delivered twice more', () => {
  test('changes nothing, sends nothing, and restores nothing again', async () => {
    const by = payer('again');
    const order = await placeOrder(system, [await photo('One.jpg', 3), await photo('Two.jpg', 4)], by);
    await ended(system, order);
    await customer.readMails(system.at, by.email, order.orderNumber, 2);
    await system.quiet();
    await system.until(
      () => rows(system, `select id from restoreclick.email_queue where status <> 'sent'`),
      (unsent) => unsent.length === 0,
    );
    await untilTold(order);
    const before = await everything(system);
    const messages = await messagesOf(order);
    expect(new Set(messages.map(([step]) => step)).size).toBe(7);

    await Promise.all([...messages, ...messages].map(([step, message]) => sendTo(system, step, message)));
    await system.quiet();

    expect(await everything(system)).toEqual(before);
    expect(await mailsTo(system.at, by.email)).toHaveLength(2);
    expect(await predictions(system, order.orderId)).toHaveLength(2);
    expect(givenUp(system)).toEqual({});
    expect(await illegalMoves(system)).toEqual([]);
  });
});

/** SendGrid tells later what became of the mails: two events each. */
const untilTold = ({ orderId }: customer.Order) =>
  system.until(
    () =>
      rows(
        system,
        `select event_id from restoreclick.webhook_events as event
         join restoreclick.email_queue as email on email.id::text = event.object_id where email.order_id = $1`,
        [orderId],
      ),
    (events) => events.length >= 4,
  );

describe('two checkouts of the same photos', () => {
  test('the second expires the first', async () => {
    const sessionId = await uploadPhotos(system, [await photo('One.jpg', 5)]);
    const first = await openCheckout(system, sessionId);
    const second = await openCheckout(system, sessionId);
    expect(await payAt(first)).toBe(409);
    expect(await payAt(second)).toBe(303);
  });

  test('the second expires the first even when a third had to be asked for, because Stripe was away', async () => {
    const sessionId = await uploadPhotos(system, [await photo('One.jpg', 6)]);
    const first = await openCheckout(system, sessionId);
    injectInto(system, 'payment/create-checkout', {
      service: 'stripe',
      operation: /\/expire/,
      action: 'kill-before',
    });
    expect((await askForCheckout(system, sessionId)).status).toBe(500);
    await openCheckout(system, sessionId);
    expect(await payAt(first)).toBe(409);
  });

  test('both paid make one order, and the second payment goes back whole', async () => {
    const by = payer('both');
    const sessionId = await uploadPhotos(system, [await photo('One.jpg', 7)], by);
    // The first is opened at Stripe, and nothing here learns of it: it cannot be expired.
    injectInto(system, 'payment/create-checkout', {
      service: 'stripe',
      operation: 'POST /v1/checkout/sessions',
      action: 'kill-after',
    });
    expect((await askForCheckout(system, sessionId)).status).toBe(500);
    const { data } = await stripe<{ data: (OpenCheckout & { id: string; client_reference_id: string })[] }>(
      system,
      'checkout/sessions',
    );
    const first = data.find(({ client_reference_id }) => client_reference_id === sessionId);
    const second = await openCheckout(system, sessionId);
    expect(first).toBeDefined();
    expect(await payAt(second, by)).toBe(303);
    const order = await customer.claim(system.at, second.checkoutId);
    expect(await payAt({ url: first?.url ?? '' }, by)).toBe(303);
    await ended(system, order);
    await customer.readMails(system.at, by.email, order.orderNumber, 2);
    await system.quiet();

    const orders = await rows(
      system,
      'select id, payment_status from restoreclick.orders where upload_session_id = $1',
      [sessionId],
    );
    expect(orders).toEqual([{ id: order.orderId, payment_status: 'paid' }]);
    const refunds = await stripe<{ data: { payment_intent: string; amount: number; status: string }[] }>(
      system,
      'refunds',
    );
    const paid = await stripe<{ payment_intent: string; amount_total: number }>(
      system,
      `checkout/sessions/${first?.id}`,
    );
    expect(refunds.data).toMatchObject([
      { payment_intent: paid.payment_intent, amount: paid.amount_total, status: 'succeeded' },
    ]);
    // Its refund is told too, and concerns no order: nobody is woken by a dead letter.
    expect(givenUp(system)).toEqual({});
    expect(await mailsTo(system.at, by.email)).toHaveLength(2);
  });
});
