/** A payment and a charge as they are born, with every field that Stripe's have. */
import type { Stripe } from 'stripe';
import { nulls } from './nulls.ts';
import type { Charge, Intent, Moment, Payer, Purchase } from './purchase.ts';

export const nowhere = {
  city: null,
  country: 'US',
  ...nulls('line1 line2 postal_code state'),
};

/** The payment of a checkout, made when somebody first tries to pay. */
export function newIntent({ session, paymentData }: Purchase, moment: Moment): Intent {
  const id = moment.id('pi');
  return {
    ...nulls(
      'allowed_payment_method_types application application_fee_amount automatic_payment_methods',
      'canceled_at cancellation_reason customer customer_account excluded_payment_method_types',
      'last_payment_error latest_charge managed_payments next_action on_behalf_of payment_method',
      'payment_method_configuration_details payment_record processing receipt_email review',
      'setup_future_usage shipping source statement_descriptor statement_descriptor_suffix',
      'transfer_group',
    ),
    id,
    object: 'payment_intent',
    amount: session.amount_total ?? 0,
    amount_capturable: 0,
    amount_received: 0,
    capture_method: 'automatic_async',
    client_secret: `${id}_secret_local`,
    confirmation_method: 'automatic',
    created: moment.now,
    currency: session.currency ?? '',
    description: paymentData.description,
    livemode: false,
    metadata: paymentData.metadata,
    payment_method_options: {},
    payment_method_types: session.payment_method_types,
    status: 'requires_payment_method',
  };
}

/** One try at a payment by `method`, not yet decided. */
export function newCharge(
  purchase: Purchase,
  intent: Intent,
  payer: Payer,
  moment: Moment,
  method: string,
): Charge {
  return {
    ...nulls(
      'application application_fee application_fee_amount balance_transaction customer',
      'failure_balance_transaction failure_code failure_message on_behalf_of outcome receipt_email',
      'receipt_number receipt_url review shipping source source_transfer statement_descriptor',
      'statement_descriptor_suffix transfer_data transfer_group',
    ),
    id: moment.id('ch'),
    object: 'charge',
    amount: intent.amount,
    amount_captured: 0,
    amount_refunded: 0,
    billing_details: { ...payer, address: nowhere, tax_id: null },
    calculated_statement_descriptor: 'RESTORECLICK',
    captured: false,
    created: moment.now,
    currency: intent.currency,
    description: purchase.paymentData.description,
    disputed: false,
    fraud_details: {},
    livemode: false,
    metadata: purchase.paymentData.metadata,
    paid: false,
    payment_intent: intent.id,
    payment_method: moment.id('pm'),
    payment_method_details: { type: method, ...(method === 'card' ? { card: testCard } : {}) },
    refunded: false,
    status: 'pending',
  };
}

/** The card that Stripe's own test mode is known for. */
const testCard: Stripe.Charge.PaymentMethodDetails.Card = {
  amount_authorized: null,
  authorization_code: null,
  brand: 'visa',
  checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: 'pass' },
  country: 'US',
  electronic_commerce_indicator: null,
  exp_month: 12,
  exp_year: 2034,
  fingerprint: 'local',
  funding: 'credit',
  installments: null,
  last4: '4242',
  mandate: null,
  network: 'visa',
  network_transaction_id: null,
  regulated_status: 'unregulated',
  three_d_secure: null,
  transaction_link_id: null,
  wallet: null,
};
