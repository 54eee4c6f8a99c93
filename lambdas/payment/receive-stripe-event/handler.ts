/** POST /api/webhooks/stripe: verifies the raw bytes and queues the event's ids; nothing else. */
import { clientError } from '../../platform/errors.ts';
import { apiHandler } from '../../platform/http.ts';
import { log } from '../../platform/logging.ts';
import { send } from '../../platform/messages.ts';
import { secretJson } from '../../platform/secrets.ts';
import { verified } from '../../platform/webhooks.ts';
import { orderEventTypes, settlementEventTypes } from '../../providers/payment.ts';
import { verifyEvent } from '../../providers/stripe-signature.ts';
import type { PaymentEventMessage } from '../messages.ts';

/** Any other type is acknowledged and ignored, or Stripe would disable the endpoint. */
const queueOf = (type: string) => {
  if (orderEventTypes.includes(type)) return process.env.PLACE_ORDER_QUEUE_URL;
  return settlementEventTypes.includes(type) ? process.env.SETTLE_PAYMENT_QUEUE_URL : undefined;
};

const secretArn = process.env.STRIPE_SECRET_ARN ?? '';

/** Without zod, which would be a quarter of this bundle. */
async function webhookSecret(): Promise<string> {
  const value = await secretJson(secretArn);
  return value instanceof Object && 'webhookSecret' in value ? String(value.webhookSecret) : '';
}

export const handler = apiHandler(async (request) => {
  const event = await verified('stripe', secretArn, async () =>
    verifyEvent(request.body, request.headers['stripe-signature'], await webhookSecret()),
  );
  const queue = queueOf(event.type);
  if (!queue) {
    log.info('event ignored', { eventId: event.id, type: event.type });
    return { status: 200, body: { received: true } };
  }
  if (!event.objectId) throw clientError('event_without_object', 'The event names no object.');
  const message: PaymentEventMessage = {
    eventId: event.id,
    type: event.type,
    objectId: event.objectId,
    paymentIntentId: event.paymentIntentId,
  };
  await send(queue, [message]);
  return { status: 200, body: { received: true } };
});
