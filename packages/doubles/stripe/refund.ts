/** Refunds: made, pending while a bank takes its time, arrived, or failed. */
import { z } from 'zod';
import { readable } from './currency.ts';
import { expand, metadata, text, whole } from './form.ts';
import { type Charge, type Moment, type Purchase, type Refund, replace, tell } from './purchase.ts';
import { missing, refuse } from './refusal.ts';

export const refundParameters = z.strictObject({
  payment_intent: text.optional(),
  charge: text.optional(),
  amount: whole.refine((amount) => amount >= 1, 'must be greater than or equal to 1').optional(),
  reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).optional(),
  metadata: metadata.default({}),
  expand,
});
export type RefundParameters = z.output<typeof refundParameters>;

const inquiries = ['warning_needs_response', 'warning_under_review', 'warning_closed', 'won'];

/**
 * Gives back `amount`, or all that is left: to a card at once, a bank debit's at `arrivesAt`.
 * @param arrivesAt in seconds
 */
export function refund(
  purchase: Purchase,
  asked: RefundParameters,
  moment: Moment,
  arrivesAt: number,
): Purchase {
  const charge = refundable(purchase);
  const left = charge.amount - charge.amount_refunded;
  const amount = asked.amount ?? left;
  if (amount > left) {
    const [tooMuch, most] = [readable(amount, charge.currency), readable(left, charge.currency)];
    const message = `Refund amount (${tooMuch}) is greater than unrefunded amount on charge (${most})`;
    throw refuse(message, { param: 'amount', code: 'amount_too_large' });
  }
  const byCard = charge.payment_method_details?.type === 'card';
  const made = refundOf(charge, asked, { id: moment.id('re'), now: moment.now, amount, pending: !byCard });
  const changed = withRefunded(charge, charge.amount_refunded + amount);
  const next: Purchase = {
    ...purchase,
    charges: replace(purchase.charges, changed),
    refunds: [...purchase.refunds, made],
    refundsDue: byCard ? purchase.refundsDue : { ...purchase.refundsDue, [made.id]: arrivesAt },
  };
  return tell(tell(next, moment, 'refund.created', made), moment, 'charge.refunded', changed);
}

/** The bank has spoken about a refund; one that had arrived can still be sent back. */
export function settleRefund(
  purchase: Purchase,
  id: string,
  status: 'succeeded' | 'failed',
  moment: Moment,
): Purchase {
  const before = purchase.refunds.find((one) => one.id === id);
  if (!before) throw missing('refund', id, 'refund');
  if (before.status === 'failed' || before.status === status) {
    throw refuse(`This refund has a status of \`${before.status}\`.`);
  }
  const after: Refund = { ...before, status };
  const { [id]: _due, ...refundsDue } = purchase.refundsDue;
  const next = { ...purchase, refunds: replace(purchase.refunds, after), refundsDue };
  if (status === 'succeeded') return tell(next, moment, 'refund.updated', after);

  after.failure_reason = 'expired_or_canceled_card';
  const charge = purchase.charges.find((one) => one.id === after.charge);
  if (charge)
    next.charges = replace(next.charges, withRefunded(charge, charge.amount_refunded - after.amount));
  return tell(tell(next, moment, 'refund.updated', after), moment, 'refund.failed', after);
}

function refundable({ intent, charges, disputes }: Purchase): Charge {
  const charge = charges.find((one) => one.status === 'succeeded');
  if (!charge) {
    throw refuse(`This PaymentIntent (${intent?.id}) does not have a successful charge to refund.`);
  }
  if (charge.refunded) {
    throw refuse(`Charge ${charge.id} has already been refunded.`, { code: 'charge_already_refunded' });
  }
  if (disputes.some(({ status }) => !inquiries.includes(status))) {
    throw refuse(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: 'charge_disputed',
    });
  }
  return charge;
}

const withRefunded = (charge: Charge, amount: number): Charge => ({
  ...charge,
  amount_refunded: amount,
  refunded: amount === charge.amount,
});

type Making = { id: string; now: number; amount: number; pending: boolean };

const refundOf = (charge: Charge, asked: RefundParameters, { id, now, amount, pending }: Making): Refund => ({
  id,
  object: 'refund',
  amount,
  balance_transaction: null,
  charge: charge.id,
  created: now,
  currency: charge.currency,
  customer: null,
  customer_account: null,
  metadata: asked.metadata,
  payment_intent: charge.payment_intent,
  payment_method: charge.payment_method,
  reason: asked.reason ?? null,
  receipt_number: null,
  source_transfer_reversal: null,
  status: pending ? 'pending' : 'succeeded',
  transfer_reversal: null,
});
