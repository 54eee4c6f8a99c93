/** Disputes: the customer's bank takes the money back, and rules on it later. */
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
  access_activity_log: null,
  billing_address: null,
  cancellation_policy: null,
  cancellation_policy_disclosure: null,
  cancellation_rebuttal: null,
  customer_communication: null,
  customer_email_address: null,
  customer_name: null,
  customer_purchase_ip: null,
  customer_signature: null,
  duplicate_charge_documentation: null,
  duplicate_charge_explanation: null,
  duplicate_charge_id: null,
  enhanced_evidence: {},
  product_description: null,
  receipt: null,
  refund_policy: null,
  refund_policy_disclosure: null,
  refund_refusal_explanation: null,
  service_date: null,
  service_documentation: null,
  shipping_address: null,
  shipping_carrier: null,
  shipping_date: null,
  shipping_documentation: null,
  shipping_tracking_number: null,
  uncategorized_file: null,
  uncategorized_text: null,
};
