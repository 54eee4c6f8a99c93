/** An open checkout is paid, declined, or promised by a bank debit, which settles later. */
import { bankDebitIn } from './currency.ts';
import { newCharge, newIntent, nowhere } from './payment-objects.ts';
import {
  type Charge,
  type Intent,
  type Moment,
  type Payer,
  type Purchase,
  replace,
  type Session,
  tell,
} from './purchase.ts';
import { refuse } from './refusal.ts';

type Failure = { code: string; decline_code?: string; message: string };
const declined: Failure = {
  code: 'card_declined',
  decline_code: 'generic_decline',
  message: 'Your card was declined.',
};
const debitReturned: Failure = {
  code: 'payment_method_customer_decline',
  message: 'The customer’s bank returned the debit.',
};

/** The customer pays, at once and in full; what costs nothing needs no payment. */
export function pay(purchase: Purchase, payer: Payer, moment: Moment): Purchase {
  if (purchase.session.amount_total === 0) return complete(purchase, payer, moment, 'no_payment_required');
  const begun = begin(purchase, payer, moment, 'card');
  return complete(succeed(begun, moment), payer, moment, 'paid');
}

/** The bank declines the card; the checkout stays open for another try. */
export function decline(purchase: Purchase, payer: Payer, moment: Moment): Purchase {
  return fail(begin(purchase, payer, moment, 'card'), moment, declined);
}

/**
 * The customer pays by bank debit: the checkout completes unpaid, and the bank says `outcome`
 * later.
 * @param at when, in seconds
 */
export function payLater(
  purchase: Purchase,
  payer: Payer,
  moment: Moment,
  { outcome, at }: { outcome: 'succeeded' | 'failed'; at: number },
): Purchase {
  const method = bankDebitIn(purchase.session.currency ?? '');
  if (method === undefined || purchase.session.amount_total === 0) {
    throw refuse('A bank debit is not possible for this amount and currency.');
  }
  const begun = begin(purchase, payer, moment, method);
  const intent: Intent = { ...begun.intent, status: 'processing' };
  const told = tell({ ...begun, intent }, moment, 'payment_intent.processing', intent);
  return complete({ ...told, debit: { outcome, at } }, payer, moment, 'unpaid');
}

/** The bank has spoken about a debit that was under way. */
export function settleDebit(purchase: Purchase, moment: Moment, outcome: 'succeeded' | 'failed'): Purchase {
  const { intent } = purchase;
  if (!purchase.debit || !intent) throw refuse('No bank debit is under way for this Checkout Session.');
  const begun = { ...purchase, intent, debit: null };
  if (outcome === 'failed') {
    const failed = fail(begun, moment, debitReturned);
    return tell(failed, moment, 'checkout.session.async_payment_failed', failed.session);
  }
  const session: Session = { ...purchase.session, payment_status: 'paid' };
  const paid = { ...succeed(begun, moment), session };
  return tell(paid, moment, 'checkout.session.async_payment_succeeded', session);
}

type Begun = Purchase & { intent: Intent };

/** One try to pay: the payment, made at the first try, and a charge of its own. */
function begin(purchase: Purchase, payer: Payer, moment: Moment, method: string): Begun {
  const intent = purchase.intent ?? newIntent(purchase, moment);
  const charge = newCharge(purchase, intent, payer, moment, method);
  return {
    ...purchase,
    session: { ...purchase.session, payment_intent: intent.id },
    intent: {
      ...intent,
      latest_charge: charge.id,
      payment_method: charge.payment_method,
      last_payment_error: null,
    },
    charges: [...purchase.charges, charge],
  };
}

function latestCharge({ intent, charges }: Begun): Charge {
  const charge = charges.find(({ id }) => id === intent.latest_charge);
  if (!charge) throw new Error(`${intent.id} has no charge`);
  return charge;
}

function succeed(begun: Begun, moment: Moment): Purchase {
  const charge: Charge = { ...latestCharge(begun), status: 'succeeded', paid: true, captured: true };
  charge.amount_captured = charge.amount;
  charge.outcome = {
    ...settled,
    network_status: 'approved_by_network',
    type: 'authorized',
    seller_message: 'Payment complete.',
  };
  const intent: Intent = { ...begun.intent, status: 'succeeded', amount_received: charge.amount };
  const paid = { ...begun, intent, charges: replace(begun.charges, charge) };
  return tell(tell(paid, moment, 'charge.succeeded', charge), moment, 'payment_intent.succeeded', intent);
}

function fail(begun: Begun, moment: Moment, failure: Failure): Purchase {
  const charge: Charge = {
    ...latestCharge(begun),
    status: 'failed',
    failure_code: failure.code,
    failure_message: failure.message,
    outcome: {
      ...settled,
      network_status: 'declined_by_network',
      type: 'issuer_declined',
      seller_message: failure.message,
    },
  };
  const intent: Intent = {
    ...begun.intent,
    status: 'requires_payment_method',
    payment_method: null,
    last_payment_error: { ...failure, type: 'card_error', charge: charge.id },
  };
  const failed = { ...begun, intent, charges: replace(begun.charges, charge) };
  return tell(tell(failed, moment, 'charge.failed', charge), moment, 'payment_intent.payment_failed', intent);
}

const settled = { advice_code: null, network_advice_code: null, network_decline_code: null, reason: null };

function complete(
  purchase: Purchase,
  payer: Payer,
  moment: Moment,
  paymentStatus: 'paid' | 'unpaid' | 'no_payment_required',
): Purchase {
  const session: Session = {
    ...purchase.session,
    status: 'complete',
    payment_status: paymentStatus,
    url: null,
    customer_details: {
      ...payer,
      address: nowhere,
      business_name: null,
      individual_name: null,
      tax_exempt: 'none',
      tax_ids: [],
    },
  };
  return tell({ ...purchase, session }, moment, 'checkout.session.completed', session);
}
