/** Takes payments through Stripe: the adapter of `PaymentProvider`. */
import { Stripe } from 'stripe';
import { internalError, permanentFailure, retryLater, type StepError } from '../platform/errors.ts';
import { toMajor } from './money.ts';
import {
  type Checkout,
  type CheckoutLine,
  type CheckoutRequest,
  type CheckoutStatus,
  type CompleteCheckout,
  type OpenCheckout,
  orderEventTypes,
  type Payment,
  type PaymentProvider,
  type Refund,
  type RefundRequest,
  settlementEventTypes,
} from './payment.ts';
import { readEvent } from './stripe-signature.ts';

export type StripeOptions = {
  apiKey: string;
  /** Another server than Stripe's, such as `http://127.0.0.1:4010`. */
  apiUrl?: string;
  /** How long one of three tries may take: a hang ends after three times this and two seconds. */
  timeoutMs?: number;
  /** Told of a call that the key is refused for: it may have been replaced. */
  onDenied?: () => Promise<unknown>;
};

/** The one place that names what we write on a checkout and read back from it. */
const metadataOf = ({ sessionId, attempt }: CheckoutRequest) => ({
  upload_session_id: sessionId,
  attempt: String(attempt),
});
/** Written by `markPlaced`, and to be read in Stripe's dashboard. */
const placedAs = 'order_id';
const uploadSessionOf = (metadata: Stripe.Metadata | null) => metadata?.upload_session_id ?? null;
const attemptOf = (metadata: Stripe.Metadata | null) =>
  metadata?.attempt === undefined ? null : Number(metadata.attempt);

/** A call that hangs ends after 20 seconds at worst: give the Lambda 25 or more. */
export function createStripePayments(options: StripeOptions): PaymentProvider {
  const { apiKey, apiUrl, timeoutMs = 6_000, onDenied } = options;
  const stripe = new Stripe(apiKey, {
    maxNetworkRetries: 2,
    timeout: timeoutMs,
    telemetry: false,
    ...(apiUrl === undefined ? {} : serverOf(apiUrl)),
  });
  async function asStepError<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      if (error.statusCode === 401 || error.statusCode === 403) await onDenied?.();
      throw stepErrorOf(error);
    }
  }
  return {
    createCheckout: (request) => asStepError(() => createCheckout(stripe, request)),
    expireCheckout: (id) => asStepError(() => expireCheckout(stripe, id)),
    getCheckout: (id) => asStepError(() => getCheckout(stripe, id)),
    getPayment: (id) => asStepError(() => getPayment(stripe, id)),
    refund: (request) => asStepError(() => refund(stripe, request)),
    listCompleteCheckouts: (since) => asStepError(() => listCompleteCheckouts(stripe, since)),
    markPlaced: (id, orderId) => asStepError(() => markPlaced(stripe, id, orderId)),
    listUndeliveredEvents: (since) => asStepError(() => listUndeliveredEvents(stripe, since)),
  };
}

function serverOf(url: string) {
  const { hostname, port, protocol } = new URL(url);
  return protocol === 'http:'
    ? ({ host: hostname, port: port || '80', protocol: 'http' } as const)
    : ({ host: hostname, port: port || '443', protocol: 'https' } as const);
}

async function createCheckout(stripe: Stripe, request: CheckoutRequest): Promise<OpenCheckout> {
  const metadata = metadataOf(request);
  const session = await stripe.checkout.sessions.create(
    {
      mode: 'payment',
      line_items: [
        {
          quantity: request.photos,
          price_data: {
            currency: request.currency.toLowerCase(),
            unit_amount: request.unitAmountCents,
            tax_behavior: 'exclusive',
            product_data: { name: 'Photo restoration' },
          },
        },
      ],
      client_reference_id: request.sessionId,
      metadata,
      payment_intent_data: { metadata },
      success_url: request.successUrl,
      cancel_url: request.cancelUrl,
      ...(request.customerEmail === undefined ? {} : { customer_email: request.customerEmail }),
      ...(request.expiresAt === undefined ? {} : { expires_at: seconds(request.expiresAt) }),
    },
    { idempotencyKey: `checkout-${request.sessionId}-${request.attempt}` },
  );
  if (session.url === null) {
    // Without an address it is not the hosted page that was asked for.
    throw internalError('checkout_without_url', `Stripe's checkout ${session.id} has no address.`);
  }
  return { id: session.id, url: session.url, expiresAt: new Date(session.expires_at * 1000) };
}

async function expireCheckout(stripe: Stripe, id: string): Promise<CheckoutStatus> {
  try {
    return statusOf(await stripe.checkout.sessions.expire(id));
  } catch (error) {
    const refused =
      error instanceof Stripe.errors.StripeInvalidRequestError && error.code !== 'resource_missing';
    const status = refused ? statusOf(await stripe.checkout.sessions.retrieve(id)) : 'open';
    if (status === 'open') throw error;
    return status;
  }
}

async function getCheckout(stripe: Stripe, id: string): Promise<Checkout> {
  const session = await stripe.checkout.sessions.retrieve(id, {
    expand: ['line_items', 'payment_intent.latest_charge'],
  });
  const currency = (session.currency ?? '').toUpperCase();
  const major = (minor: number | null | undefined) => toMajor(minor ?? 0, currency);
  const { customer_details: customer, payment_intent: payment, metadata } = session;
  return {
    id: session.id,
    uploadSessionId: uploadSessionOf(metadata),
    attempt: attemptOf(metadata),
    status: statusOf(session),
    paymentStatus: paymentStatusOf(session),
    paymentIntentId: idOf(payment),
    currency,
    amounts: {
      subtotal: major(session.amount_subtotal),
      discount: major(session.total_details?.amount_discount),
      tax: major(session.total_details?.amount_tax),
      total: major(session.amount_total),
    },
    customer: {
      email: (customer?.email ?? session.customer_email)?.toLowerCase() ?? null,
      name: customer?.name ?? null,
      phone: customer?.phone ?? null,
    },
    lineItems: (session.line_items?.data ?? []).map((item) => lineOf(item, major)),
    paidAt: paidAt(payment),
    paymentMethod: methodOf(payment),
  };
}

function lineOf(item: Stripe.LineItem, major: (minor: number | null | undefined) => string): CheckoutLine {
  return {
    description: item.description ?? '',
    quantity: item.quantity ?? 1,
    unitAmount: major(item.price?.unit_amount),
    total: major(item.amount_total),
  };
}

type PaymentReference = string | Stripe.PaymentIntent | null;

/** The latest try, where it was asked for; a declined card is none that paid. */
function chargeOf(payment: PaymentReference): Stripe.Charge | null {
  const charge = typeof payment === 'object' ? payment?.latest_charge : null;
  return charge && typeof charge === 'object' && charge.status !== 'failed' ? charge : null;
}
const methodOf = (payment: PaymentReference) => chargeOf(payment)?.payment_method_details?.type ?? null;
function paidAt(payment: PaymentReference): Date | null {
  const charge = chargeOf(payment);
  return charge && new Date(charge.created * 1000);
}

async function getPayment(stripe: Stripe, paymentIntentId: string): Promise<Payment> {
  const [payment, refunds, disputes] = await Promise.all([
    stripe.paymentIntents.retrieve(paymentIntentId),
    stripe.refunds.list({ payment_intent: paymentIntentId, limit: 100 }).autoPagingToArray({ limit: 1_000 }),
    stripe.disputes.list({ payment_intent: paymentIntentId, limit: 100 }),
  ]);
  return {
    paymentIntentId: payment.id,
    uploadSessionId: uploadSessionOf(payment.metadata),
    currency: payment.currency.toUpperCase(),
    amountCents: payment.amount,
    paid: payment.status === 'succeeded',
    refundedCents: refunds
      .filter(({ status }) => status === 'succeeded')
      .reduce((sum, { amount }) => sum + amount, 0),
    disputed: worstOf(disputes.data.map(({ status }) => disputeOf(status))),
  };
}

/** An inquiry (`warning_…`) and a prevented dispute move no money, so they are none. */
function disputeOf(status: string): Payment['disputed'] {
  if (status === 'won' || status === 'lost') return status;
  return status.startsWith('warning_') || status === 'prevented' ? 'none' : 'open';
}
const worstOf = (all: Payment['disputed'][]) =>
  (['open', 'lost', 'won'] as const).find((state) => all.includes(state)) ?? 'none';

async function refund(stripe: Stripe, request: RefundRequest): Promise<Refund> {
  const made = await stripe.refunds.create(
    {
      payment_intent: request.paymentIntentId,
      ...(request.amountCents === undefined ? {} : { amount: request.amountCents }),
      ...(request.reason === undefined ? {} : { reason: request.reason }),
    },
    { idempotencyKey: `refund-${request.key}` },
  );
  return {
    id: made.id,
    amountCents: made.amount,
    status: known(['pending', 'requires_action', 'succeeded', 'failed', 'canceled'], made.status, made.id),
  };
}

async function listCompleteCheckouts(stripe: Stripe, since: Date): Promise<CompleteCheckout[]> {
  const sessions = await stripe.checkout.sessions
    .list({
      status: 'complete',
      created: { gte: seconds(since) },
      expand: ['data.payment_intent.latest_charge'],
      limit: 100,
    })
    .autoPagingToArray({ limit: 10_000 });
  return sessions
    .filter(({ metadata }) => uploadSessionOf(metadata) !== null)
    .map(({ id, payment_intent: payment }) => ({
      id,
      paymentIntentId: idOf(payment),
      paidAt: paidAt(payment),
      placed: typeof payment === 'object' && payment?.metadata[placedAs] !== undefined,
    }))
    .reverse();
}

/** Of a payment intent Stripe takes metadata in every state. */
async function markPlaced(stripe: Stripe, paymentIntentId: string, orderId: string): Promise<void> {
  await stripe.paymentIntents.update(paymentIntentId, { metadata: { [placedAs]: orderId } });
}

async function listUndeliveredEvents(stripe: Stripe, since: Date) {
  const events = await stripe.events
    .list({
      delivery_success: false,
      created: { gte: seconds(since) },
      types: [...orderEventTypes, ...settlementEventTypes],
      limit: 100,
    })
    .autoPagingToArray({ limit: 10_000 });
  return events.map(readEvent).reverse();
}

const seconds = (moment: Date) => Math.floor(moment.getTime() / 1000);
const idOf = (reference: string | { id: string } | null) =>
  typeof reference === 'string' ? reference : (reference?.id ?? null);

const statusOf = (session: Stripe.Checkout.Session): CheckoutStatus =>
  known(['open', 'complete', 'expired'], session.status, session.id);
const paymentStatusOf = (session: Stripe.Checkout.Session): Checkout['paymentStatus'] =>
  known(['paid', 'unpaid', 'no_payment_required'], session.payment_status, session.id);

/** Stripe may add statuses; one that we do not know must not pass for one that we do. */
function known<T extends string>(values: T[], status: string | null, of: string): T {
  const found = values.find((value) => value === status);
  if (found === undefined)
    throw internalError('payment_status_unknown', `${of} is '${status}', which is not known here.`);
  return found;
}

/**
 * What a refusal of Stripe's means. Stripe keeps a 500 under its idempotency key for a day: a
 * checkout that goes on failing needs another attempt number.
 */
function stepErrorOf(cause: Stripe.errors.StripeError): StepError {
  const { errors } = Stripe;
  const busy = cause instanceof errors.StripeRateLimitError || cause.statusCode === 409;
  if (busy || cause instanceof errors.StripeConnectionError || (cause.statusCode ?? 0) >= 500) {
    return retryLater(
      'payments_unavailable',
      'The payment service does not answer at the moment. Please try again in a few seconds.',
      {
        cause,
        retryAfterSeconds: 5,
      },
    );
  }
  if (cause.code === 'resource_missing') {
    return permanentFailure('payment_not_found', 'The payment service does not know this payment.', {
      cause,
      status: 404,
    });
  }
  if (cause instanceof errors.StripeInvalidRequestError || cause instanceof errors.StripeCardError) {
    return permanentFailure('payment_refused', `The payment service refused: ${cause.message}`, { cause });
  }
  // A wrong key, a missing permission, other parameters under a used idempotency key: ours to mend.
  return internalError('payments_misused', `Stripe refused the call: ${cause.message}`, { cause });
}
