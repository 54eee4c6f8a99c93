/**
 * Takes orders through every statement of every step, in the order that the steps would: so each
 * finds its rows in the right states.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { archive } from '../../lambdas/download/build-archive/archive.sql';
import { hold } from '../../lambdas/download/build-archive/hold.sql';
import { create as createLink } from '../../lambdas/download/create-link/create.sql';
import { open } from '../../lambdas/download/open-link/open.sql';
import { apply } from '../../lambdas/email/receive-sendgrid-events/apply.sql';
import { unsubscribe } from '../../lambdas/email/unsubscribe/unsubscribe.sql';
import { claim as claimOrder } from '../../lambdas/order/claim-order/claim.sql';
import { order } from '../../lambdas/order/get-order/order.sql';
import { share } from '../../lambdas/order/share-order/share.sql';
import { fail as failPhoto } from '../../lambdas/payment/keep-original/fail.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { giveUp } from '../../lambdas/payment/settle-payment/give-up.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { fail as failAttempt } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { claim as claimJob } from '../../lambdas/restoration/submit-job/claim.sql';
import { wait } from '../../lambdas/restoration/submit-job/wait.sql';
import { expire } from '../../lambdas/upload/expire-uploads/expire.sql';
import { session as readSession } from '../../lambdas/upload/get-session/session.sql';
import { refuse } from '../../lambdas/upload/record-upload/refuse.sql';
import { waiting } from '../../lambdas/upload/renew-session/waiting.sql';
import { ordersOn, type Run } from '../samples/orders.ts';
import {
  emailEvent,
  failure,
  jobClaim,
  linkTo,
  type Order,
  opening,
  packing,
  paymentEvent,
  refusalOf,
  sharing,
} from '../samples/parameters.ts';

const caller = { ipAddress: '203.0.113.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' };

/** Each order is a new customer's. */
const makerOn = (run: Run) => ordersOn(run, { caller, customerEmail: () => `${randomUUID()}@example.com` });
type Maker = ReturnType<typeof makerOn>;

async function buy(run: Run, maker: Maker, photos: number, paid: boolean): Promise<Order> {
  const session = await maker.arrived(photos);
  await run(readSession, { sessionId: session.sessionId }, photos);
  return maker.pay(await maker.checkOut(session), paid);
}

async function mail(run: Run, maker: Maker, emailId: string, photos: number): Promise<void> {
  await maker.send(emailId, photos);
  await run(apply, emailEvent(emailId, 'delivered'));
}

/** From the upload to the mail that says it is done: an order as it should be. */
export async function goodOrder(run: Run, photos: number): Promise<void> {
  const maker = makerOn(run);
  const sold = await buy(run, maker, photos, true);
  await run(claimOrder, { checkoutId: sold.checkoutId });
  await mail(run, maker, sold.emailId, 1);
  for (const { imageId } of sold.photos) {
    const jobId = await maker.keep(sold, imageId);
    await maker.submit(jobId);
    await maker.restore(jobId);
  }
  const emailId = await maker.complete(sold);
  if (emailId === '') throw new Error('The order has not ended.');
  await mail(run, maker, emailId, photos);
  // Nobody's twice: who unsubscribes is written to no more.
  const recipients = JSON.stringify([1, 2].map(() => `${randomUUID()}@example.com`));
  const [shared] = await run(share, { ...sharing(sold.orderId, caller), recipients });
  const [emailOfFamily = ''] = (shared?.emailIds ?? []) as string[];
  await run(unsubscribe, { emailId: emailOfFamily, ...caller });
}

/**
 * What goes otherwise: refused and forgotten uploads, a photo lost, one that cannot be restored,
 * late payment, a refund.
 */
export async function badOrder(run: Run, photos: number): Promise<void> {
  const maker = makerOn(run);
  const { sessionId, uploads } = await maker.announced(2);
  const [first, second] = uploads;
  await run(refuse, refusalOf(sessionId, first?.id ?? ''));
  await run(waiting, { sessionId }, 2);
  await run(expire, { uploadId: second?.id ?? '', sessionId });
  const unpaid = await maker.checkOut(await maker.arrived(photos));
  const ended = { checkoutId: unpaid.checkoutId, eventType: 'checkout.session.expired' };
  await run(giveUp, { ...ended, eventId: `evt_${randomUUID()}` }, photos);

  const sold = await buy(run, maker, photos, false);
  await run(settle, paymentEvent(sold, 'paid'), photos);
  const [lost, ...others] = sold.photos;
  for (const { imageId } of others.length > 0 ? others : sold.photos) {
    const jobId = await maker.keep(sold, imageId);
    await run(claimJob, jobClaim(jobId));
    await run(wait, { jobId, attempt: 1, waitSeconds: 0, spacingSeconds: 0 });
    await maker.submit(jobId, 1);
    await run(failAttempt, failure(jobId, 1, true));
    await maker.submit(jobId, 2);
    if (imageId !== sold.photos.at(-1)?.imageId) await run(failAttempt, failure(jobId, 2));
  }
  const victim = others.length > 0 ? sold : await buy(run, maker, 1, true);
  const imageId = (others.length > 0 ? lost : victim.photos[0])?.imageId ?? '';
  await run(failPhoto, { orderId: victim.orderId, imageId, errorCode: 'upload_missing' });
  await run(settle, paymentEvent(sold, 'refunded'), photos);
  await run(cancel, { orderId: sold.orderId }, photos);
}

/** What is read, or downloaded, of an order long done. */
export async function visit(
  run: Run,
  { orderId, checkoutId, sessionId }: Pick<Order, 'orderId' | 'checkoutId' | 'sessionId'>,
  photos: number,
): Promise<void> {
  await run(order, { orderId, keyVersion: 1 }, photos);
  await run(claimOrder, { checkoutId });
  await run(readSession, { sessionId }, photos);
  const tokenHash = randomBytes(32).toString('hex');
  const [link] = await run(createLink, linkTo(orderId, tokenHash, null, caller), photos);
  await run(open, opening(tokenHash, caller), photos);
  const pack = packing(link?.linkId ?? '');
  const [taken] = await run(archive, pack, photos);
  await run(hold, { buildId: taken?.buildId ?? '', holder: pack.holder, leaseSeconds: 0 });
}
