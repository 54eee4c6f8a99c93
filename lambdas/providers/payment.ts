/** The port to whoever takes the money: what the steps ask of it, in the product's words. */

/** What a checkout sells; the same session and attempt must bring the same values. */
export type CheckoutRequest = {
  /** The upload session whose photos are sold. */
  sessionId: string;
  /** From 1; the next one after a checkout was given up, or after a refusal that is final. */
  attempt: number;
  photos: number;
  /** Price of one photo in minor units of the currency, tax exclusive. */
  unitAmountCents: number;
  /** ISO 4217, in either case. */
  currency: string;
  customerEmail?: string;
  /** May carry `{CHECKOUT_SESSION_ID}`, which the provider fills in. */
  successUrl: string;
  cancelUrl: string;
  /**
   * 30 minutes to 24 hours ahead; 24 hours if absent. A moment and not a length, because a repeated
   * request must be the same request.
   */
  expiresAt?: Date;
};

/** A checkout that waits for its customer at `url`. */
export type OpenCheckout = { id: string; url: string; expiresAt: Date };

export type CheckoutStatus = 'open' | 'complete' | 'expired';

export type CheckoutLine = {
  description: string;
  quantity: number;
  /** Decimal strings in major units, as in {@link Checkout.amounts}. */
  unitAmount: string;
  total: string;
};

/** A checkout as it stands now. */
export type Checkout = {
  id: string;
  /** Null if the checkout is none of ours. */
  uploadSessionId: string | null;
  /** The attempt that made it; null if the checkout is none of ours. */
  attempt: number | null;
  status: CheckoutStatus;
  /** Fulfil on `paid` and `no_payment_required`; `unpaid` and complete: the money is under way. */
  paymentStatus: 'paid' | 'unpaid' | 'no_payment_required';
  /** Null until somebody tried to pay, and for what costs nothing. */
  paymentIntentId: string | null;
  /** ISO 4217 in capitals. */
  currency: string;
  /** Decimal strings in major units, as the database keeps them: `'12.34'`, `'1200'` for yen. */
  amounts: { subtotal: string; discount: string; tax: string; total: string };
  customer: {
    /** In lower case. */
    email: string | null;
    name: string | null;
    phone: string | null;
  };
  lineItems: CheckoutLine[];
  /** When it was paid, or the bank was told to; null before, and where nothing had to be. */
  paidAt: Date | null;
  /** The kind of method, such as `card` or `us_bank_account`; null until paid. */
  paymentMethod: string | null;
};

/** A checkout of ours that its customer has completed. */
export type CompleteCheckout = {
  id: string;
  paymentIntentId: string | null;
  paidAt: Checkout['paidAt'];
  /** Whether `markPlaced` said so of its payment. */
  placed: boolean;
};

/** What an event says happened, and to what. Never the data: that is fetched as it is now. */
export type PaymentEvent = {
  id: string;
  type: string;
  /** The event's object: a checkout, refund, charge or dispute. Null for the few without an id. */
  objectId: string | null;
  /** The payment that the object is or belongs to. */
  paymentIntentId: string | null;
};

/** The truth about one payment as it is now, whatever order its events came in. */
export type Payment = {
  paymentIntentId: string;
  /** Null if the payment is none of ours. */
  uploadSessionId: string | null;
  /** ISO 4217 in capitals. */
  currency: string;
  /** Minor units. */
  amountCents: number;
  /** Whether the money arrived. It stays true after refunds and disputes. */
  paid: boolean;
  /** Minor units; succeeded refunds only. */
  refundedCents: number;
  disputed: 'open' | 'won' | 'lost' | 'none';
};

export type RefundRequest = {
  paymentIntentId: string;
  /** Minor units; all that is left if absent. */
  amountCents?: number;
  reason?: 'duplicate' | 'fraudulent' | 'requested_by_customer';
  /** The same key is the same refund. */
  key: string;
};

export type Refund = {
  id: string;
  amountCents: number;
  status: 'pending' | 'requires_action' | 'succeeded' | 'failed' | 'canceled';
};

/** The events about an order, by who goes on with it. Any other is acknowledged and ignored. */
export const orderEventTypes = ['checkout.session.completed'];
export const settlementEventTypes = [
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.expired',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'charge.refunded',
  'charge.dispute.created',
  'charge.dispute.closed',
];

/** Every method throws only a `StepError`. */
export type PaymentProvider = {
  /** Opens a checkout, or answers the one that this session and attempt already opened. */
  createCheckout(request: CheckoutRequest): Promise<OpenCheckout>;
  /** Closes an open checkout. Answers what it is now, as it may have been paid meanwhile. */
  expireCheckout(id: string): Promise<CheckoutStatus>;
  getCheckout(id: string): Promise<Checkout>;
  getPayment(paymentIntentId: string): Promise<Payment>;
  refund(request: RefundRequest): Promise<Refund>;
  /** Checkouts of ours that are complete, oldest first, of those opened since then. */
  listCompleteCheckouts(openedSince: Date): Promise<CompleteCheckout[]>;
  /**
   * Notes on a payment which order came of it, so that its checkout need not be looked at again.
   */
  markPlaced(paymentIntentId: string, orderId: string): Promise<void>;
  /** Events of an order that our webhook has not taken, oldest first; kept for 30 days. */
  listUndeliveredEvents(since: Date): Promise<PaymentEvent[]>;
};
