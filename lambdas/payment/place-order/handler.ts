/** A Checkout Session is complete: writes the order, has its photos kept and its email sent. */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { internalError, permanentFailure, retryLater, StepError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler, send } from '../../platform/messages.ts';
import { originalKeyFormat } from '../../platform/object-keys.ts';
import { settings } from '../../platform/settings.ts';
import type { Checkout } from '../../providers/payment.ts';
import { keepingMessages, type PaymentEventMessage, paymentEventMessage } from '../messages.ts';
import { payments } from '../provider.ts';
import { refundSecond } from '../refund-second.ts';
import { place } from './place.sql';
import { placed } from './placed.sql';

const { ORIGINALS_BUCKET, KEEP_ORIGINAL_QUEUE_URL, SEND_EMAIL_QUEUE_URL } = settings({
  ORIGINALS_BUCKET: z.string(),
  KEEP_ORIGINAL_QUEUE_URL: z.url(),
  SEND_EMAIL_QUEUE_URL: z.url(),
});

/** What the checkout says of our own, checked. */
function ofOurs(checkout: Checkout) {
  const { uploadSessionId, attempt, customer, status } = checkout;
  if (status !== 'complete') throw retryLater('checkout_not_complete', 'The checkout is not complete yet.');
  if (!customer.email)
    throw permanentFailure('checkout_without_email', 'The checkout names no email address.');
  if (!uploadSessionId || !attempt)
    throw permanentFailure('checkout_without_session', 'The checkout names no upload session.');
  return { uploadSessionId, attempt, email: customer.email };
}

async function placeOrder(event: PaymentEventMessage, checkout: Checkout) {
  const { uploadSessionId, attempt, email } = ofOurs(checkout);
  const fresh = await query(place, {
    eventId: event.eventId,
    eventType: event.type,
    checkoutId: checkout.id,
    sessionId: uploadSessionId,
    attempt,
    photoCount: checkout.lineItems.reduce((sum, line) => sum + line.quantity, 0),
    paid: checkout.paymentStatus !== 'unpaid',
    paymentIntentId: checkout.paymentIntentId,
    paymentMethod: checkout.paymentMethod,
    customerEmail: email,
    customerName: checkout.customer.name,
    customerPhone: checkout.customer.phone,
    currency: checkout.currency,
    ...checkout.amounts,
    originalsBucket: ORIGINALS_BUCKET,
    originalKeyFormat,
  });
  return fresh.length > 0 ? fresh : query(placed, { sessionId: uploadSessionId });
}

/** A second payment that is still under way is refunded by settle-payment when it arrives. */
async function refundIfPaid({ paymentIntentId, paymentStatus }: Checkout): Promise<void> {
  if (paymentIntentId && paymentStatus === 'paid') await refundSecond(paymentIntentId);
}

/** Last, and not worth a failure: whatever bears no mark, the sweep brings here again. */
async function mark({ paymentIntentId }: Checkout, orderId: string): Promise<void> {
  if (!paymentIntentId) return;
  await (await payments()).markPlaced(paymentIntentId, orderId).catch((error: unknown) => {
    log.warn('order not marked', { orderId, code: error instanceof StepError ? error.code : 'unexpected' });
  });
}

export const handler = queueHandler(paymentEventMessage, async (event) => {
  const checkout = await (await payments()).getCheckout(event.objectId);
  if (checkout.uploadSessionId === null) {
    log.info('checkout is none of ours', { eventId: event.eventId });
    return;
  }
  const rows = await placeOrder(event, checkout);
  const [first] = rows;
  if (!first) throw internalError('order_not_placed', 'The order was not written.');
  const { orderId, emailId, checkoutId } = first;
  if (checkoutId !== checkout.id) {
    await refundIfPaid(checkout);
    return mark(checkout, orderId);
  }
  const photos = keepingMessages(orderId, rows);
  await send(KEEP_ORIGINAL_QUEUE_URL, photos, { groupId: orderId });
  if (emailId) await send(SEND_EMAIL_QUEUE_URL, [{ emailId }], { groupId: orderId });
  log.info('order placed', { orderId, photos: photos.length });
  await mark(checkout, orderId);
});
