/** Opens, totals and expires checkouts. */
import { z } from 'zod';
import { bankDebitIn, exists, readable, smallestChargeIn } from './currency.ts';
import { emailAddress, expand, flag, metadata, text, webAddress, whole } from './form.ts';
import { nulls } from './nulls.ts';
import { type LineItem, type Moment, type Purchase, type Session, tell } from './purchase.ts';
import { refuse } from './refusal.ts';

const minute = 60;
const day = 24 * 60 * minute;

const price = z.strictObject({
  currency: z
    .string()
    .transform((code) => code.toLowerCase())
    .refine(exists, 'no such currency'),
  unit_amount: whole.refine((amount) => amount >= 0, 'must be greater than or equal to 0'),
  tax_behavior: z.enum(['exclusive', 'inclusive', 'unspecified']).default('unspecified'),
  product_data: z.strictObject({ name: text, description: text.optional(), metadata: metadata.default({}) }),
});

/**
 * What the double knows of `POST /v1/checkout/sessions`; any other parameter is refused by name.
 */
export const sessionParameters = z.strictObject({
  mode: z.literal('payment', 'only "payment" is played here'),
  line_items: z
    .array(z.strictObject({ price_data: price, quantity: whole.refine((n) => n >= 1, 'must be 1 or more') }))
    .min(1)
    .max(100),
  success_url: webAddress,
  cancel_url: webAddress.optional(),
  client_reference_id: text.max(200).optional(),
  customer_email: emailAddress.optional(),
  metadata: metadata.default({}),
  payment_intent_data: z
    .strictObject({ metadata: metadata.default({}), description: text.optional() })
    .optional(),
  phone_number_collection: z.strictObject({ enabled: flag }).optional(),
  automatic_tax: z
    .strictObject({ enabled: flag.refine((enabled) => !enabled, 'no taxes are computed here') })
    .optional(),
  locale: text.optional(),
  expires_at: whole.optional(),
  expand,
});
export type SessionParameters = z.output<typeof sessionParameters>;

/** A new open checkout. @param pages the address under which its payment page lives */
export function openCheckout(asked: SessionParameters, moment: Moment, pages: string): Purchase {
  const currency = currencyOf(asked);
  const expiresAt = asked.expires_at ?? moment.now + day;
  // Stripe allows a minute for the way there and for clocks that differ.
  if (expiresAt < moment.now + 29 * minute || expiresAt > moment.now + day + minute) {
    const message =
      'The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation.';
    throw refuse(message, { param: 'expires_at', early: true });
  }
  const lineItems = asked.line_items.map((item) => lineItemOf(item, moment));
  const total = lineItems.reduce((sum, { amount_total }) => sum + amount_total, 0);
  checkTotal(total, currency);
  const id = moment.id('cs_test');
  const session = sessionOf(asked, {
    id,
    currency,
    total,
    expiresAt,
    now: moment.now,
    url: `${pages}/${id}`,
  });
  const { metadata: paymentMetadata = {}, description = null } = asked.payment_intent_data ?? {};
  return {
    session,
    lineItems,
    paymentData: { metadata: paymentMetadata, description },
    ...{ intent: null, charges: [], refunds: [], disputes: [], debit: null, refundsDue: {}, deliveries: [] },
  };
}

function currencyOf({ line_items }: SessionParameters): string {
  const [currency = '', ...others] = new Set(line_items.map((item) => item.price_data.currency));
  if (others.length > 0) {
    throw refuse('All line items of a Checkout Session must have the same currency.', {
      param: 'line_items',
      early: true,
    });
  }
  return currency;
}

function checkTotal(total: number, currency: string) {
  const smallest = smallestChargeIn(currency);
  if (total > 0 && total < smallest) {
    const message = `The Checkout Session's total amount due must add up to at least ${readable(smallest, currency)} ${currency}`;
    throw refuse(message, { code: 'amount_too_small', early: true });
  }
  if (total > 99_999_999) {
    const message = `The Checkout Session's total amount must be no more than ${readable(99_999_999, currency)} ${currency}`;
    throw refuse(message, { code: 'amount_too_large', early: true });
  }
}

function lineItemOf(
  { price_data, quantity }: SessionParameters['line_items'][number],
  moment: Moment,
): LineItem {
  const { unit_amount, currency, tax_behavior, product_data } = price_data;
  const amount = unit_amount * quantity;
  return {
    id: moment.id('li'),
    object: 'item',
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency,
    description: product_data.name,
    metadata: {},
    quantity,
    price: {
      id: moment.id('price'),
      object: 'price',
      active: false,
      billing_scheme: 'per_unit',
      created: moment.now,
      currency,
      custom_unit_amount: null,
      livemode: false,
      lookup_key: null,
      metadata: {},
      nickname: null,
      product: moment.id('prod'),
      recurring: null,
      tax_behavior,
      tiers_mode: null,
      transform_quantity: null,
      type: 'one_time',
      unit_amount,
      unit_amount_decimal: String(unit_amount),
    },
  };
}

type Opening = { id: string; currency: string; total: number; expiresAt: number; now: number; url: string };

function sessionOf(asked: SessionParameters, { id, currency, total, expiresAt, now, url }: Opening): Session {
  const debit = bankDebitIn(currency);
  return {
    ...untouched,
    id,
    amount_subtotal: total,
    amount_total: total,
    cancel_url: asked.cancel_url ?? null,
    client_reference_id: asked.client_reference_id ?? null,
    created: now,
    currency,
    customer_email: asked.customer_email ?? null,
    expires_at: expiresAt,
    locale: asked.locale ?? null,
    metadata: asked.metadata,
    payment_method_types: debit === undefined ? ['card'] : ['card', debit],
    payment_status: total === 0 ? 'no_payment_required' : 'unpaid',
    phone_number_collection: { enabled: asked.phone_number_collection?.enabled ?? false },
    success_url: asked.success_url,
    url,
  };
}

/** What every session here has in common. */
const untouched = {
  ...nulls(
    'after_expiration allow_promotion_codes allowed_payment_method_types',
    'billing_address_collection client_secret collected_information consent consent_collection',
    'currency_conversion customer customer_account customer_details integration_identifier',
    'invoice invoice_creation managed_payments origin_context payment_intent payment_link',
    'payment_method_configuration_details payment_method_options permissions recovered_from',
    'saved_payment_method_options setup_intent shipping_address_collection shipping_cost',
    'submit_type subscription wallet_options',
  ),
  object: 'checkout.session',
  adaptive_pricing: { enabled: false },
  automatic_tax: { enabled: false, liability: null, provider: null, status: null },
  custom_fields: [],
  custom_text: {
    ...nulls('after_submit shipping_address submit terms_of_service_acceptance'),
  },
  customer_creation: 'if_required',
  discounts: [],
  livemode: false,
  mode: 'payment',
  payment_method_collection: 'if_required',
  shipping_options: [],
  status: 'open',
  total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
  ui_mode: 'hosted_page',
} satisfies Partial<Session>;

/** Closes an open checkout for good, by its merchant or by time. */
export function expireCheckout(purchase: Purchase, moment: Moment): Purchase {
  const { status } = purchase.session;
  if (status !== 'open') {
    throw refuse(
      `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of \`${status}\`.`,
    );
  }
  const session = { ...purchase.session, status: 'expired' as const, url: null };
  const intent = purchase.intent && {
    ...purchase.intent,
    status: 'canceled' as const,
    canceled_at: moment.now,
    cancellation_reason: 'automatic' as const,
  };
  const expired = tell({ ...purchase, session, intent }, moment, 'checkout.session.expired', session);
  return intent ? tell(expired, moment, 'payment_intent.canceled', intent) : expired;
}
