/** Disputes: the customer's bank takes the money back, and rules on it later. */
import { nulls } from './nulls.ts';
import { type Charge, type Dispute, type Moment, type Purchase, replace, tell } from './purchase.ts';
import { missing, refuse } from './refusal.ts';

const week = 7 * 24 * 3600;

/** The bank disputes the whole of a paid charge. */
export function openDispute(purchase: Purchase, moment: Moment): Purchase {
  const charge = purchase.charges.find((one) => one.status === 'succeeded');
  if (!charge) throw refuse('Only a successful charge can be disputed.');
  if (purchase.disputes.some(({ status }) => status !== 'won')) {
    throw refuse(`Charge ${charge.id} is disputed already.`);
  }
  const dispute = disputeOf(charge, moment);
  const changed: Charge = { ...charge, disputed: true };
  const next = {
    ...purchase,
    charges: replace(purchase.charges, changed),
    disputes: [...purchase.disputes, dispute],
  };
  const told = tell(next, moment, 'charge.dispute.created', dispute);
  return tell(told, moment, 'charge.dispute.funds_withdrawn', dispute);
}

/** The bank rules: `won` gives the merchant the money back. */
export function closeDispute(
  purchase: Purchase,
  id: string,
  status: 'won' | 'lost',
  moment: Moment,
): Purchase {
  const before = purchase.disputes.find((one) => one.id === id);
  if (!before) throw missing('dispute', id, 'dispute');
  if (before.status === 'won' || before.status === 'lost')
    throw refuse(`This dispute is already ${before.status}.`);
  const dispute: Dispute = { ...before, status };
  const next = { ...purchase, disputes: replace(purchase.disputes, dispute) };
  const told = tell(next, moment, 'charge.dispute.closed', dispute);
  return status === 'won' ? tell(told, moment, 'charge.dispute.funds_reinstated', dispute) : told;
}

const disputeOf = (charge: Charge, moment: Moment): Dispute => ({
  id: moment.id('du'),
  object: 'dispute',
  amount: charge.amount,
  balance_transactions: [],
  charge: charge.id,
  created: moment.now,
  currency: charge.currency,
  enhanced_eligibility_types: [],
  evidence: noEvidence,
  evidence_details: {
    due_by: moment.now + week,
    enhanced_eligibility: {},
    has_evidence: false,
    past_due: false,
    submission_count: 0,
    submission_method: 'not_submitted',
  },
  intended_submission_method: null,
  is_charge_refundable: false,
  livemode: false,
  metadata: {},
  payment_intent: charge.payment_intent,
  reason: 'fraudulent',
  status: 'needs_response',
});

const noEvidence: Dispute['evidence'] = {
  enhanced_evidence: {},
  ...nulls(
    'access_activity_log billing_address cancellation_policy cancellation_policy_disclosure',
    'cancellation_rebuttal customer_communication customer_email_address customer_name',
    'customer_purchase_ip customer_signature duplicate_charge_documentation',
    'duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy',
    'refund_policy_disclosure refund_refusal_explanation service_date service_documentation',
    'shipping_address shipping_carrier shipping_date shipping_documentation',
    'shipping_tracking_number uncategorized_file uncategorized_text',
  ),
};
