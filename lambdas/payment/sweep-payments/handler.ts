/**
 * Hourly: asks Stripe what its webhook never brought, and queues it. It never asks the database.
 */
import { z } from 'zod';
import { begin, type Remaining } from '../../platform/invocation.ts';
import { log } from '../../platform/logging.ts';
import { send } from '../../platform/messages.ts';
import { settings } from '../../platform/settings.ts';
import { type CompleteCheckout, settlementEventTypes } from '../../providers/payment.ts';
import { completedMessage, type PaymentEventMessage } from '../messages.ts';
import { payments } from '../provider.ts';

const { PLACE_ORDER_QUEUE_URL, SETTLE_PAYMENT_QUEUE_URL } = settings({
  PLACE_ORDER_QUEUE_URL: z.url(),
  SETTLE_PAYMENT_QUEUE_URL: z.url(),
});

const minute = 60_000;
const hour = 60 * minute;
/** A checkout is open for a day; two more, in which the sweep itself may have been away. */
const checkoutsSince = 72 * hour;
/**
 * Three sweeps queue an event, and a queue holds it from then on: Stripe calls it undelivered for
 * days, and the database would be woken for it every hour.
 */
const eventsSince = 3 * hour;
/**
 * Seen by the next sweep at the latest, so that the alarm rises within two hours of the payment.
 */
const lateAfter = 50 * minute;

async function completeCheckouts(now: number): Promise<CompleteCheckout[]> {
  const all = await (await payments()).listCompleteCheckouts(new Date(now - checkoutsSince));
  return all.filter(({ placed }) => !placed);
}

/** Not the events of complete checkouts, which are found as such. */
async function missedEvents(now: number): Promise<PaymentEventMessage[]> {
  const all = await (await payments()).listUndeliveredEvents(new Date(now - eventsSince));
  return all.flatMap(({ id: eventId, type, objectId, paymentIntentId }) =>
    objectId && settlementEventTypes.includes(type) ? [{ eventId, type, objectId, paymentIntentId }] : [],
  );
}

type Found = { checkouts: number; events: number; late: number };

/** @returns how much was found, for who runs it by hand; each late checkout is a line of the log */
export async function handler(_event?: unknown, context?: Remaining): Promise<Found> {
  begin(context);
  const now = Date.now();
  const checkouts = await completeCheckouts(now);
  const late = checkouts.filter(({ paidAt }) => paidAt && paidAt.getTime() <= now - lateAfter);
  for (const { id, paymentIntentId } of late)
    log.error('paid without order', { checkoutId: id, paymentIntentId });
  await send(
    PLACE_ORDER_QUEUE_URL,
    checkouts.map((checkout) => completedMessage('sweep', checkout)),
  );
  const events = await missedEvents(now);
  await send(SETTLE_PAYMENT_QUEUE_URL, events);
  const found = { checkouts: checkouts.length, events: events.length, late: late.length };
  log.info('swept', found);
  return found;
}
