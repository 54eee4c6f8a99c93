/** One checkout and all that follows from it: one document, so that changes are whole. */
import type { Stripe } from 'stripe';

export type Session = Stripe.Checkout.Session;
export type Intent = Stripe.PaymentIntent;
export type Charge = Stripe.Charge;
export type Refund = Stripe.Refund;
export type Dispute = Stripe.Dispute;

/** On the wire a decimal is a string; the client makes its own type of it. */
export type LineItem = Omit<Stripe.LineItem, 'price'> & {
  price: Omit<Stripe.Price, 'unit_amount_decimal'> & { unit_amount_decimal: string };
};

export type StripeEvent = {
  id: string;
  object: 'event';
  api_version: string;
  created: number;
  data: { object: object };
  livemode: false;
  /** 1 until the webhook has taken it. */
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: string;
};

/** An event, and how its delivery stands. Times are milliseconds of the clock. */
export type Delivery = {
  event: StripeEvent;
  /** Counts up over all events: the order in which they are listed. */
  order: number;
  attempts: number;
  /** When the next attempt is due; null once it is delivered or given up. */
  nextAt: number | null;
  deliveredAt: number | null;
  /** What the webhook said last time. */
  lastAnswer: string | null;
};

export type Purchase = {
  session: Session;
  lineItems: LineItem[];
  /** What the payment will carry once somebody tries to pay. */
  paymentData: { metadata: Record<string, string>; description: string | null };
  intent: Intent | null;
  charges: Charge[];
  refunds: Refund[];
  disputes: Dispute[];
  /** A bank debit under way: what the bank will say, and when, in seconds. */
  debit: { outcome: 'succeeded' | 'failed'; at: number } | null;
  /** When each pending refund arrives, in seconds, by its id. */
  refundsDue: Record<string, number>;
  deliveries: Delivery[];
};

/** Who pays, as typed into the payment page. */
export type Payer = { email: string; name: string | null; phone: string | null };

/** What a change needs to know about the moment it happens in. */
export type Moment = {
  /** Seconds since 1970 by the clock. */
  now: number;
  /** A new id with that prefix. */
  id(prefix: string): string;
  /** A number above all earlier ones. */
  order(): number;
  /** The API call that caused it, if one did. */
  request: { id: string | null; idempotency_key: string | null };
};

export const apiVersion = '2026-10-28.endive';

/** The purchase with an event about `object`, as it is now, waiting to be delivered. */
export function tell(purchase: Purchase, moment: Moment, type: string, object: object): Purchase {
  const event: StripeEvent = {
    id: moment.id('evt'),
    object: 'event',
    api_version: apiVersion,
    created: moment.now,
    data: { object: structuredClone(object) },
    livemode: false,
    pending_webhooks: 1,
    request: moment.request,
    type,
  };
  const delivery: Delivery = {
    event,
    order: moment.order(),
    attempts: 0,
    nextAt: moment.now * 1000,
    deliveredAt: null,
    lastAnswer: null,
  };
  return { ...purchase, deliveries: [...purchase.deliveries, delivery] };
}

/** The array with `changed` in the place of what has its id. */
export const replace = <T extends { id: string }>(all: T[], changed: T): T[] =>
  all.map((one) => (one.id === changed.id ? changed : one));
