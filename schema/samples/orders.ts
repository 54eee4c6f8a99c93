/**
 * Orders made by the product's own statements, so that what uses them begins from a state that can
 * be reached.
 */
import { randomUUID } from 'node:crypto';
import type { Value } from '@restoreclick/data-api';
import { claim as claimEmail } from '../../lambdas/email/send-email/claim.sql';
import { settle as settleEmail } from '../../lambdas/email/send-email/settle.sql';
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
import type { Statement } from '../statements/statement.ts';
import {
  announcement,
  arrivalOf,
  type Caller,
  type Checkout,
  completion,
  emailAnswer,
  emailClaim,
  freezing,
  jobClaim,
  newSession,
  nobody,
  type Order,
  paymentOf,
  restoration,
  type Session,
  submission,
} from './parameters.ts';

/** Runs a statement and answers its rows; `photos` is how many it is about, 1 by default. */
export type Run = <Params extends Record<string, Value>, Row extends object>(
  statement: Statement<Params, Row>,
  params: Params,
  photos?: number,
) => Promise<Row[]>;

type Customer = { caller?: Caller; customerEmail?: () => string };
const ada = () => 'Ada@Example.com';
type Made = { count?: number; paid?: boolean };

/**
 * The steps of an order's way, one by one; and makers that start anew and take an order as far as
 * their name says.
 * @param customerEmail of who places the next order: by default all orders are of one customer
 */
export function ordersOn(run: Run, { caller = nobody, customerEmail = ada }: Customer = {}) {
  const steps = stepsOn(run, caller, customerEmail);

  async function announced(count = 2): Promise<Session> {
    const session = newSession(count);
    await run(create, announcement(session, caller), count);
    return session;
  }
  async function arrived(count?: number): Promise<Session> {
    const session = await announced(count);
    await steps.arrive(session);
    return session;
  }
  async function placed({ count = 2, paid = true }: Made = {}): Promise<Order> {
    return steps.pay(await steps.checkOut(await arrived(count)), paid);
  }
  async function kept(made?: Made): Promise<Order> {
    const order = await placed(made);
    for (const photo of order.photos) photo.jobId = await steps.keep(order, photo.imageId);
    return order;
  }
  async function claimed(made?: Made): Promise<Order> {
    const order = await kept(made);
    for (const { jobId } of order.photos) await run(claimJob, jobClaim(jobId));
    return order;
  }
  async function processing(made?: Made): Promise<Order> {
    const order = await claimed(made);
    for (const { jobId } of order.photos) await run(submitted, submission(jobId));
    return order;
  }
  /** All photos restored; nobody has asked yet whether the order is done. */
  async function allRestored(made?: Made): Promise<Order> {
    const order = await processing(made);
    for (const { jobId } of order.photos) await run(restored, restoration(jobId));
    return order;
  }
  async function completed(made?: Made): Promise<Order & { doneEmailId: string }> {
    const order = await allRestored(made);
    return { ...order, doneEmailId: await steps.complete(order) };
  }
  return { ...steps, announced, arrived, placed, kept, claimed, processing, allRestored, completed };
}

function stepsOn(run: Run, caller: Caller, customerEmail: () => string) {
  return {
    /** All its photos are there. */
    async arrive({ sessionId, uploads }: Session): Promise<void> {
      for (const upload of uploads) await run(recordUpload, arrivalOf(sessionId, upload));
    },
    /** The next checkout of that session. */
    async checkOut(session: Session, onlyArrived = false): Promise<Checkout> {
      const photos = session.uploads.length;
      const [frozen] = await run(freeze, freezing(session, onlyArrived, caller), photos);
      if (!frozen?.attempt) throw new Error('The checkout was refused.');
      const { sessionId } = session;
      const checkout = { sessionId, checkoutId: `cs_${randomUUID()}`, attempt: frozen.attempt };
      await run(recordCheckout, checkout);
      return { ...session, ...checkout };
    },
    async pay(checkout: Checkout, paid = true): Promise<Order> {
      const payment = paymentOf(checkout, paid, customerEmail());
      const kept = await run(place, payment, checkout.uploads.length);
      const [first] = kept;
      if (!first?.emailId) throw new Error('The order was not placed.');
      const byUpload = new Map(kept.map(({ uploadKey, imageId }) => [uploadKey, imageId]));
      const photos = checkout.uploads.map(({ path }) => ({ imageId: byUpload.get(path) ?? '', jobId: '' }));
      const { orderId, emailId } = first;
      return { ...checkout, orderId, emailId, paymentIntentId: payment.paymentIntentId, photos };
    },
    /** @returns the job of that photo, '' if it has none */
    async keep({ orderId }: Order, imageId: string): Promise<string> {
      const [row] = await run(keep, { orderId, imageId });
      return row?.jobId ?? '';
    },
    /** The provider works on that job. */
    async submit(jobId: string, attempt = 1): Promise<void> {
      await run(claimJob, jobClaim(jobId, attempt));
      await run(submitted, submission(jobId, attempt));
    },
    async restore(jobId: string, attempt = 1): Promise<void> {
      await run(restored, restoration(jobId, attempt));
    },
    /** @returns the email that tells of it, '' if the order has not ended */
    async complete({ orderId, photos }: Order): Promise<string> {
      const [row] = await run(complete, completion(orderId), photos.length);
      return row?.emailId ?? '';
    },
    /** @param photos how many it speaks of */
    async send(emailId: string, photos = 1): Promise<void> {
      const [claimed] = await run(claimEmail, emailClaim(emailId), photos);
      await run(settleEmail, emailAnswer(emailId, claimed?.attempt ?? 0));
    },
  };
}
