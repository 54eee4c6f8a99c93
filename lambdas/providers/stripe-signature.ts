/** Reads Stripe's signed events, apart from the adapter so the webhook's bundle stays small. */
import { Stripe } from 'stripe';
import { clientError, internalError } from '../platform/errors.ts';
import type { PaymentEvent } from './payment.ts';

/** How far the two clocks may be apart; Stripe's library asks the same of the past. */
const toleranceSeconds = 300;

/**
 * The event in a webhook's body.
 * @param rawBody byte for byte as it was received
 * @param signatureHeader `Stripe-Signature`; holds several while the secret is being rolled
 * @throws StepError `client` when it is missing, wrong, or five minutes from now
 */
export function verifyEvent(
  rawBody: Buffer | string,
  signatureHeader: string | undefined,
  webhookSecret: string,
): PaymentEvent {
  if (webhookSecret === '')
    throw internalError('webhook_secret_missing', 'The webhook secret of Stripe is empty.');
  try {
    const event = Stripe.webhooks.constructEvent(rawBody, signatureHeader ?? '', webhookSecret);
    // Stripe's library looks at the past alone: an event of next year could be replayed till then.
    const latest = Date.now() / 1000 + toleranceSeconds;
    const times = [...(signatureHeader ?? '').matchAll(/\bt=(\d+)/g)];
    if (times.every(([, seconds]) => Number(seconds) <= latest)) return readEvent(event);
  } catch {
    // Said below, for both cases.
  }
  throw clientError('signature_invalid', 'The signature of this event is missing, wrong or too old.');
}

/** Any object an event can carry: most have an id, some belong to a payment. */
type Subject = {
  id?: string;
  object?: string;
  payment_intent?: string | { id: string } | null;
};

/** What an event of Stripe's says, without its data. */
export function readEvent(event: Stripe.Event): PaymentEvent {
  const { id = null, object, payment_intent: payment = null } = event.data.object as Subject;
  return {
    id: event.id,
    type: event.type,
    objectId: id,
    paymentIntentId:
      object === 'payment_intent' ? id : payment && (typeof payment === 'string' ? payment : payment.id),
  };
}
