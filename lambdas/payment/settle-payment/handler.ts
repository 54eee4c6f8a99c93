/**
 * Late payments, refunds, disputes, expired checkouts: asks what is true now, and brings it there.
 */
import { z } from 'zod';
import { query, queryOne } from '../../platform/database.ts';
import { retryLater } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler, send } from '../../platform/messages.ts';
import { deleteObject } from '../../platform/objects.ts';
import { settings } from '../../platform/settings.ts';
import { keepingMessages, type PaymentEventMessage, paymentEventMessage } from '../messages.ts';
import { payments } from '../provider.ts';
import { refundSecond } from '../refund-second.ts';
import { cancel } from './cancel.sql';
import { giveUp } from './give-up.sql';
import { settle } from './settle.sql';
import { type PaymentVerdict, presupposesPayment, verdict } from './verdict.ts';

const { TEMP_BUCKET, KEEP_ORIGINAL_QUEUE_URL, COMPLETE_ORDER_QUEUE_URL, SEND_EMAIL_QUEUE_URL } = settings({
  TEMP_BUCKET: z.string(),
  KEEP_ORIGINAL_QUEUE_URL: z.url(),
  COMPLETE_ORDER_QUEUE_URL: z.url(),
  SEND_EMAIL_QUEUE_URL: z.url(),
});

const emailIdList = z.array(z.guid());
const keys = z.array(z.string());

type Subject = { checkoutId: string | null; paymentIntentId: string | null };
type Settled = Subject & { sessionId: string };

/** The checkout or payment an event speaks of. */
async function subjectOf({ type, objectId, paymentIntentId }: PaymentEventMessage): Promise<Subject> {
  if (!type.startsWith('checkout.session.')) return { checkoutId: null, paymentIntentId };
  const checkout = await (await payments()).getCheckout(objectId);
  return { checkoutId: objectId, paymentIntentId: checkout.paymentIntentId };
}

/** Photos live long once a payment may come, and no longer when Stripe says that none will. */
async function giveUpPhotos({ eventId, type, objectId }: PaymentEventMessage): Promise<void> {
  const { status, uploadSessionId } = await (await payments()).getCheckout(objectId);
  if (status !== 'expired' || uploadSessionId === null) return;
  const { paths } = await queryOne(giveUp, { eventId, eventType: type, checkoutId: objectId });
  const unsold = keys.parse(paths);
  for (const path of unsold) await deleteObject(TEMP_BUCKET, path);
  log.info('checkout expired', { eventId, photos: unsold.length });
}

/** Before its order is placed there is nothing to settle: the message comes again. */
async function settleTo(
  event: PaymentEventMessage,
  subject: Settled,
  paymentStatus: PaymentVerdict,
  onlyIfPending = false,
) {
  const { eventId, type, objectId } = event;
  const rows = await query(settle, {
    eventId,
    eventType: type,
    objectId,
    ...subject,
    paymentStatus,
    onlyIfPending,
  });
  const [first] = rows;
  if (!first) throw retryLater('order_not_placed_yet', 'The order of this payment is not placed yet.');
  return { first, rows };
}

async function act(
  event: PaymentEventMessage,
  subject: Settled,
  paymentStatus: PaymentVerdict,
): Promise<void> {
  const { first, rows } = await settleTo(event, subject, paymentStatus);
  const { orderId } = first;
  if (!first.paidByThis) {
    log.info('another payment paid this order', { orderId, eventId: event.eventId });
    // Only a checkout tells for sure that it is not the order's own.
    const isSecond = subject.checkoutId !== null && paymentStatus === 'paid';
    if (isSecond && subject.paymentIntentId) await refundSecond(subject.paymentIntentId);
    return;
  }
  log.info('payment settled', { orderId, paymentStatus: first.paymentStatus });
  if (first.paymentStatus === 'refunded') await query(cancel, { orderId });
  const photos = keepingMessages(orderId, rows);
  await send(KEEP_ORIGINAL_QUEUE_URL, photos, { groupId: orderId });
  const emails = emailIdList.parse(first.emailIds).map((emailId) => ({ emailId }));
  await send(SEND_EMAIL_QUEUE_URL, emails, { groupId: orderId });
  if (first.allEnded) await send(COMPLETE_ORDER_QUEUE_URL, [{ orderId }], { groupId: orderId });
}

export const handler = queueHandler(paymentEventMessage, async (event) => {
  if (event.type === 'checkout.session.expired') return giveUpPhotos(event);
  const subject = await subjectOf(event);
  if (!subject.paymentIntentId) {
    log.info('event names no payment', { eventId: event.eventId, type: event.type });
    return;
  }
  const payment = await (await payments()).getPayment(subject.paymentIntentId);
  if (payment.uploadSessionId === null) {
    log.info('payment is none of ours', { eventId: event.eventId });
    return;
  }
  const settled = { ...subject, sessionId: payment.uploadSessionId };
  const failed = event.type === 'checkout.session.async_payment_failed';
  const now = verdict(payment, failed);
  // Told of a success that the provider does not show yet, the order would wait for ever.
  if (now === 'pending' && event.type === 'checkout.session.async_payment_succeeded')
    throw retryLater('payment_not_seen_yet', 'The payment is announced and not to be seen yet.');
  if (now === 'pending') return;
  if (presupposesPayment(now)) await settleTo(event, settled, 'paid', true);
  await act(event, settled, now);
});
