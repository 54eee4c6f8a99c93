/**
 * Every statement as it can arrive at an order or its upload session: by the first time, again, too
 * late, or about another photo.
 */
import { randomUUID } from 'node:crypto';
import type { Value } from '@restoreclick/data-api';
import { archive } from '../../../lambdas/download/build-archive/archive.sql';
import { create as createLink } from '../../../lambdas/download/create-link/create.sql';
import { open as openLink } from '../../../lambdas/download/open-link/open.sql';
import { apply } from '../../../lambdas/email/receive-sendgrid-events/apply.sql';
import { claim as claimEmail } from '../../../lambdas/email/send-email/claim.sql';
import { settle as settleEmail } from '../../../lambdas/email/send-email/settle.sql';
import { unsubscribe } from '../../../lambdas/email/unsubscribe/unsubscribe.sql';
import { expire as expireLate } from '../../../lambdas/operations/reconcile/expire.sql';
import { stuck } from '../../../lambdas/operations/reconcile/stuck.sql';
import { claim as claimOrder } from '../../../lambdas/order/claim-order/claim.sql';
import { order as getOrder } from '../../../lambdas/order/get-order/order.sql';
import { share } from '../../../lambdas/order/share-order/share.sql';
import { freeze } from '../../../lambdas/payment/create-checkout/freeze.sql';
import { record as recordCheckout } from '../../../lambdas/payment/create-checkout/record.sql';
import { fail as failKeeping } from '../../../lambdas/payment/keep-original/fail.sql';
import { keep } from '../../../lambdas/payment/keep-original/keep.sql';
import { place } from '../../../lambdas/payment/place-order/place.sql';
import { placed } from '../../../lambdas/payment/place-order/placed.sql';
import { cancel } from '../../../lambdas/payment/settle-payment/cancel.sql';
import { giveUp } from '../../../lambdas/payment/settle-payment/give-up.sql';
import { settle as settlePayment } from '../../../lambdas/payment/settle-payment/settle.sql';
import { complete } from '../../../lambdas/restoration/complete-order/complete.sql';
import { fail as failAttempt } from '../../../lambdas/restoration/fail-attempt/fail.sql';
import { restored } from '../../../lambdas/restoration/store-restored/restored.sql';
import { claim as claimJob } from '../../../lambdas/restoration/submit-job/claim.sql';
import { submitted } from '../../../lambdas/restoration/submit-job/submitted.sql';
import { wait } from '../../../lambdas/restoration/submit-job/wait.sql';
import { expire as expireUpload } from '../../../lambdas/upload/expire-uploads/expire.sql';
import { session } from '../../../lambdas/upload/get-session/session.sql';
import { record as recordUpload } from '../../../lambdas/upload/record-upload/record.sql';
import { refuse as refuseUpload } from '../../../lambdas/upload/record-upload/refuse.sql';
import {
  arrivalOf,
  type Checkout,
  completion,
  emailAnswer,
  emailClaim,
  emailEvent,
  failure,
  freezing,
  jobClaim,
  leaseSeconds,
  linkTo,
  nobody,
  type Order,
  opening,
  packing,
  paymentEvent,
  paymentOf,
  refusalOf,
  restoration,
  sharing,
  submission,
  waiting,
} from '../../../schema/samples/parameters.ts';
import type { Statement } from '../../../schema/statements/statement.ts';
import { day, type Shop } from '../orders.ts';
import type { RunOptions } from '../run-statement.ts';

/** An order, as far as there is one: what is not there yet is empty. */
export type Subject = Order & { second: Checkout; doneEmailId: string; tokenHash: string; linkId: string };

export type Arrival = {
  /** `payment/place-order/place` */
  statement: string;
  /** How it arrives, where it can in several ways. */
  how: string;
  /** Whether to come again is to do more; others are delivered again, and then change nothing. */
  counts: boolean;
  /** Whether it writes nothing. */
  looks: boolean;
  run(shop: Shop, subject: Subject, options?: RunOptions): Promise<object[]>;
};

/** @param aheadMs how late it comes, for what a lease or an expiry holds back */
function arrival<Params extends Record<string, Value>, Row extends object>(
  statement: Statement<Params, Row>,
  how: string,
  params: (subject: Subject) => Params,
  aheadMs = 0,
): Arrival {
  const run: Arrival['run'] = (shop, subject, options) =>
    shop.run(statement, params(subject), { ...options, aheadMs });
  return { statement: statement.name, how, counts: false, looks: !/:actor\b/.test(statement.text), run };
}

/** Each is another download, link, round or checkout, or a longer doubt. */
const counting = (each: Arrival): Arrival => ({ ...each, counts: true });

const afterLease = (leaseSeconds + 1) * 1000;
const photo = (at: number) => `photo ${at + 1}`;
const uploadOf = ({ uploads }: Subject, at: number) => uploads[at] ?? { id: '', path: '', etag: '' };
const imageOf = ({ orderId, photos }: Subject, at: number) => ({
  orderId,
  imageId: photos[at]?.imageId ?? '',
});
const jobOf = ({ photos }: Subject, at: number) => photos[at]?.jobId ?? '';

export const uploads = {
  recorded: (at: number) =>
    arrival(recordUpload, photo(at), (subject) => arrivalOf(subject.sessionId, uploadOf(subject, at))),
  replaced: (at: number) =>
    arrival(recordUpload, `${photo(at)} replaced`, (subject) => ({
      ...arrivalOf(subject.sessionId, uploadOf(subject, at)),
      etag: '"other"',
      mimeType: 'image/png',
    })),
  refused: (at: number) =>
    arrival(refuseUpload, photo(at), (subject) => refusalOf(subject.sessionId, uploadOf(subject, at).id)),
  expired: (at: number) =>
    arrival(expireUpload, photo(at), (subject) => ({
      sessionId: subject.sessionId,
      uploadId: uploadOf(subject, at).id,
    })),
  late: arrival(expireLate, '', () => ({ batch: 10 }), 2 * day),
  seen: arrival(session, '', ({ sessionId }) => ({ sessionId })),
};

export const payments = {
  frozen: counting(arrival(freeze, 'all photos', (subject) => freezing(subject))),
  frozenAsFar: counting(arrival(freeze, 'the photos arrived', (subject) => freezing(subject, true))),
  recorded: arrival(recordCheckout, 'first checkout', ({ sessionId, checkoutId, attempt }) => ({
    sessionId,
    checkoutId,
    attempt,
  })),
  recordedSecond: arrival(recordCheckout, 'second checkout', ({ second }) => ({
    sessionId: second.sessionId,
    checkoutId: second.checkoutId,
    attempt: second.attempt,
  })),
  placed: arrival(place, 'paid', (subject) => paymentOf(subject)),
  placedUnpaid: arrival(place, 'unpaid', (subject) => paymentOf(subject, false)),
  placedSecond: arrival(place, 'second checkout', ({ second }) => paymentOf(second)),
  found: arrival(placed, '', ({ sessionId }) => ({ sessionId })),
  settled: (status: 'paid' | 'failed' | 'disputed' | 'partially_refunded' | 'refunded') =>
    arrival(settlePayment, status.replace('_', ' '), (subject) => ({
      ...paymentEvent(subject, status),
      paymentIntentId: `pi_${subject.checkoutId}`,
      eventId: `evt_${status}`,
    })),
  givenUp: arrival(giveUp, 'second checkout', ({ second }) => ({
    checkoutId: second.checkoutId,
    eventId: 'evt_expired',
    eventType: 'checkout.session.expired',
  })),
  cancelled: arrival(cancel, '', ({ orderId }) => ({ orderId })),
  kept: (at: number) => arrival(keep, photo(at), (subject) => imageOf(subject, at)),
  unkept: (at: number) =>
    arrival(failKeeping, photo(at), (subject) => ({ ...imageOf(subject, at), errorCode: 'upload_missing' })),
};

export const photos = {
  claimed: (at: number, attempt = 1) =>
    arrival(claimJob, `${photo(at)}, attempt ${attempt}`, (subject) => jobClaim(jobOf(subject, at), attempt)),
  takenOver: (at: number) =>
    arrival(claimJob, `${photo(at)} after its lease`, (subject) => jobClaim(jobOf(subject, at)), afterLease),
  waits: (at: number) => arrival(wait, photo(at), (subject) => waiting(jobOf(subject, at))),
  submitted: (at: number) => arrival(submitted, photo(at), (subject) => submission(jobOf(subject, at))),
  restored: (at: number) => arrival(restored, photo(at), (subject) => restoration(jobOf(subject, at))),
  failed: (at: number, { retryable = false, attempt = 1 } = {}) =>
    arrival(failAttempt, `${photo(at)}, attempt ${attempt}, ${retryable ? 'again' : 'for good'}`, (subject) =>
      failure(jobOf(subject, at), attempt, retryable),
    ),
};

export const orders = {
  claimed: arrival(claimOrder, '', ({ checkoutId }) => ({ checkoutId })),
  seen: arrival(getOrder, '', ({ orderId }) => ({ orderId, keyVersion: 1 })),
  completed: arrival(complete, '', ({ orderId }) => completion(orderId)),
  shared: arrival(share, '', ({ orderId }) => sharing(orderId)),
  stuck: arrival(stuck, '', () => ({ overdueSeconds: 3600, batch: 10 }), day),
};

const settled = (outcome: 'sent' | 'retry' | 'doubtful' | 'failed') =>
  arrival(settleEmail, outcome, ({ doneEmailId }) => emailAnswer(doneEmailId, 1, outcome));

export const emails = {
  unwanted: arrival(unsubscribe, '', ({ doneEmailId }) => ({ ...nobody, emailId: doneEmailId })),
  confirmationClaimed: arrival(claimEmail, 'confirmation', ({ emailId }) => emailClaim(emailId)),
  claimed: arrival(claimEmail, 'completion', ({ doneEmailId }) => emailClaim(doneEmailId)),
  takenOver: arrival(
    claimEmail,
    'completion after its lease',
    ({ doneEmailId }) => emailClaim(doneEmailId),
    afterLease,
  ),
  settled,
  doubted: counting(settled('doubtful')),
  said: (type: 'delivered' | 'bounce' | 'spamreport') =>
    arrival(apply, type, ({ doneEmailId }) => emailEvent(doneEmailId, type, type)),
};

export const links = {
  made: counting(arrival(createLink, 'all photos', ({ orderId }) => linkTo(orderId, randomUUID()))),
  madeForOne: counting(
    arrival(createLink, 'photo 1', ({ orderId, photos: [first] }) =>
      linkTo(orderId, randomUUID(), first?.imageId ?? ''),
    ),
  ),
  opened: counting(arrival(openLink, '', ({ tokenHash }) => opening(tokenHash))),
  packed: arrival(archive, '', ({ linkId }) => packing(linkId)),
};
