/** Orders at every stage, made by the product's own statements, so that a test begins from a state that can be reached. */
import { randomUUID } from 'node:crypto';
import type { Value } from '@restoreclick/data-api';
import { freeze } from '../../lambdas/payment/create-checkout/freeze.sql';
import { record as recordCheckout } from '../../lambdas/payment/create-checkout/record.sql';
import { keep } from '../../lambdas/payment/keep-original/keep.sql';
import { place } from '../../lambdas/payment/place-order/place.sql';
import { complete } from '../../lambdas/restoration/complete-order/complete.sql';
import { restored } from '../../lambdas/restoration/store-restored/restored.sql';
import { claim as claimJob } from '../../lambdas/restoration/submit-job/claim.sql';
import { submitted } from '../../lambdas/restoration/submit-job/submitted.sql';
import { create } from '../../lambdas/upload/create-session/create.sql';
import { record as recordUpload } from '../../lambdas/upload/record-upload/record.sql';
import type { Statement } from '../../schema/statements/statement.ts';
import type { TestDatabase } from './database.ts';
import { type RunOptions, runStatement } from './run-statement.ts';

export type Upload = { id: string; path: string; etag: string };
export type Session = { sessionId: string; uploads: Upload[] };
export type Checkout = Session & { checkoutId: string; attempt: number };
export type Photo = { imageId: string; jobId: string };
export type Order = Checkout & {
  orderId: string;
  orderNumber: string;
  paymentIntentId: string;
  emailId: string;
  photos: Photo[];
};

export const hour = 3_600_000;
export const day = 24 * hour;
export const nobody = { ipAddress: null, userAgent: null };

export type Shop = ReturnType<typeof shopOn>;

/**
 * Runs statements on that database and makes what they need. Every maker starts anew and takes its order as far as its name says.
 * @param texts another release's statements by name, run instead of these; one that it lacks is refused
 */
export function shopOn(database: TestDatabase, texts?: ReadonlyMap<string, string>) {
  function run<Params extends Record<string, Value>, Row extends object>(
    statement: Statement<Params, Row>,
    params: Params,
    options?: RunOptions,
  ): Promise<Row[]> {
    const text = texts ? texts.get(statement.name) : statement.text;
    if (text === undefined) throw new Error(`The other release has no statement ${statement.name}.`);
    return runStatement(database, { name: statement.name, text }, params, options);
  }

  /** Rows as they lie in the tables. */
  async function rows(sql: string, values: unknown[] = []) {
    return (await database.pool('app').query(sql, values)).rows;
  }

  /** What an action wrote, as the audit has it: `image status_changed`, sorted. Nothing written, nothing listed. */
  async function written(action: () => Promise<unknown>): Promise<string[]> {
    const audited = async () =>
      (await database.pool('superuser').query('select * from restoreclick.audit_logs')).rows;
    const before = new Set((await audited()).map(({ id }) => id));
    await action();
    return (await audited())
      .filter(({ id }) => !before.has(id))
      .map(({ entity_type, action: what }) => `${entity_type} ${what}`)
      .sort();
  }

  async function announced(count = 2): Promise<Session> {
    const sessionId = randomUUID();
    const uploads = Array.from({ length: count }, () => {
      const id = randomUUID();
      return { id, path: `uploads/temp/${sessionId}/${id}.jpg`, etag: `"${id}"` };
    });
    const photos = uploads.map(({ id, path }, at) => ({
      id,
      path,
      name: `photo-${at}.jpg`,
      size: 1000,
      type: 'image/jpeg',
    }));
    await run(create, {
      ...nobody,
      sessionId,
      customerEmail: null,
      expirySeconds: 86_400,
      photos: JSON.stringify(photos),
    });
    return { sessionId, uploads };
  }

  async function arrive({ sessionId, uploads }: Session): Promise<void> {
    for (const { id, etag } of uploads)
      await run(recordUpload, { sessionId, uploadId: id, etag, ...size, mimeType: 'image/jpeg' });
  }

  async function arrived(count?: number): Promise<Session> {
    const session = await announced(count);
    await arrive(session);
    return session;
  }

  /** The next checkout of that session. */
  async function checkOut(session: Session, onlyArrived = false): Promise<Checkout> {
    const [frozen] = await run(freeze, freezing(session, onlyArrived));
    if (!frozen?.attempt) throw new Error('The checkout was refused.');
    const checkoutId = `cs_${randomUUID()}`;
    await run(recordCheckout, { checkoutId, sessionId: session.sessionId, attempt: frozen.attempt });
    return { ...session, checkoutId, attempt: frozen.attempt };
  }

  async function pay(checkout: Checkout, paid = true): Promise<Order> {
    const payment = paymentOf(checkout, paid);
    const kept = await run(place, payment);
    const [first] = kept;
    if (!first?.emailId) throw new Error('The order was not placed.');
    const byUpload = new Map(kept.map(({ uploadKey, imageId }) => [uploadKey, imageId]));
    const photos = checkout.uploads.map(({ path }) => ({ imageId: byUpload.get(path) ?? '', jobId: '' }));
    const { orderId, emailId } = first;
    const [row] = await rows('select order_number from orders where id = $1', [orderId]);
    const orderNumber: string = row.order_number;
    return { ...checkout, orderId, orderNumber, emailId, paymentIntentId: payment.paymentIntentId, photos };
  }

  async function placed({ count = 2, paid = true } = {}): Promise<Order> {
    return pay(await checkOut(await arrived(count)), paid);
  }

  async function kept(options?: { count?: number; paid?: boolean }): Promise<Order> {
    const order = await placed(options);
    const photos: Photo[] = [];
    for (const { imageId } of order.photos) {
      const [row] = await run(keep, { orderId: order.orderId, imageId });
      photos.push({ imageId, jobId: row?.jobId ?? '' });
    }
    return { ...order, photos };
  }

  async function claimed(options?: { count?: number }): Promise<Order> {
    const order = await kept(options);
    for (const { jobId } of order.photos) await run(claimJob, { jobId, attempt: 1, leaseSeconds });
    return order;
  }

  async function processing(options?: { count?: number }): Promise<Order> {
    const order = await claimed(options);
    for (const { jobId } of order.photos) await run(submitted, submission(jobId));
    return order;
  }

  /** All photos restored; nobody has asked yet whether the order is done. */
  async function allRestored(options?: { count?: number }): Promise<Order> {
    const order = await processing(options);
    for (const { jobId } of order.photos) await run(restored, restoration(jobId));
    return order;
  }

  async function completed(options?: { count?: number }): Promise<Order & { doneEmailId: string }> {
    const order = await allRestored(options);
    const [row] = await run(complete, { orderId: order.orderId, maxAttachmentBytes: 5000 });
    return { ...order, doneEmailId: row?.emailId ?? '' };
  }

  return {
    run,
    rows,
    written,
    announced,
    arrive,
    arrived,
    checkOut,
    pay,
    placed,
    kept,
    claimed,
    processing,
    allRestored,
    completed,
  };
}

export const leaseSeconds = 300;
export const size = { size: 1000, width: 40, height: 30 };

/** What a customer asks who wants to pay for a session. */
export function freezing({ sessionId }: Session, onlyArrived = false) {
  return {
    ...nobody,
    sessionId,
    unitAmountCents: 499,
    currency: 'USD',
    onlyArrived,
    expirySeconds: 30 * 86_400,
    customerEmail: null,
  };
}

/** What Stripe says of a checkout that is complete. */
export function paymentOf({ sessionId, checkoutId, attempt, uploads }: Checkout, paid = true) {
  const total = (uploads.length * 4.99).toFixed(2);
  return {
    sessionId,
    checkoutId,
    attempt,
    paid,
    eventId: `evt_${checkoutId}`,
    eventType: 'checkout.session.completed',
    customerEmail: 'Ada@Example.com',
    customerName: 'Ada',
    customerPhone: null,
    paymentMethod: 'card',
    paymentIntentId: `pi_${checkoutId}`,
    photoCount: uploads.length,
    currency: 'USD',
    subtotal: total,
    discount: '0.00',
    tax: '0.00',
    total,
    originalsBucket: 'originals',
  };
}

/** What an event says of the payment of that order. */
export function paymentEvent(order: Order, paymentStatus: string, onlyIfPending = false) {
  const { sessionId, checkoutId, paymentIntentId } = order;
  return {
    sessionId,
    checkoutId,
    paymentIntentId,
    paymentStatus,
    onlyIfPending,
    eventId: `evt_${randomUUID()}`,
    eventType: 'charge.refunded',
    objectId: paymentIntentId,
  };
}

/** What the provider says when it has taken that job. */
export function submission(jobId: string, attempt = 1) {
  return { jobId, attempt, predictionId: `p_${jobId}_${attempt}`, inputParameters: '{"model": "m"}' };
}

/** What is known of the restored photo of that job. */
export function restoration(jobId: string, attempt = 1) {
  return {
    jobId,
    attempt,
    bucket: 'restored',
    path: `uploads/restored/${jobId}.png`,
    ...size,
    mimeType: 'image/png',
    format: 'png',
  };
}
