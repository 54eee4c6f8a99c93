/** Reads Stripe's signed events, apart from the adapter so the webhook's bundle stays small. */
import { Stripe } from 'stripe';
import { clientError, internalError } from '../platform/errors.ts';
import type { PaymentEvent } from './payment.ts';

/**
 * The event in a webhook's body.
 * @param rawBody byte for byte as it was received
 * @param signatureHeader `Stripe-Signature`; holds several while the secret is being rolled
 * @throws StepError `client` when it is missing, wrong or older than five minutes of wall time
 */
export function verifyEvent(
  rawBody: Buffer | string,
  signatureHeader: string | undefined,
  webhookSecret: string,
): PaymentEvent {
  if (webhookSecret === '')
    throw internalError('webhook_secret_missing', 'The webhook secret of Stripe is empty.');
  try {
    return readEvent(Stripe.webhooks.constructEvent(rawBody, signatureHeader ?? '', webhookSecret));
  } catch (cause) {
    throw clientError('signature_invalid', 'The signature of this event is missing, wrong or too old.', {
      cause,
    });
  }
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
