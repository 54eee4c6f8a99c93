/** Reads Stripe's signed events. A file of its own, so that the webhook's bundle holds nothing else of the adapter. */
import { Stripe } from 'stripe';
import { clientError, internalError } from '../platform/errors.ts';
import type { PaymentEvent } from './payment.ts';

/**
 * The event in a webhook's body.
 * @param rawBody byte for byte as it was received
 * @param signatureHeader the header `Stripe-Signature`; it may hold several signatures while the secret is being rolled
 * @throws the caller's fault when the signature is missing, wrong or older than five minutes of the wall's clock
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
