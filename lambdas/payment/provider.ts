/** The payment provider of this deployment, made of its secret. */
import { z } from 'zod';
import { madeOf, renewed } from '../platform/secrets.ts';
import { settings } from '../platform/settings.ts';
import type { PaymentProvider } from '../providers/payment.ts';
import { createStripePayments } from '../providers/stripe.ts';

const { STRIPE_SECRET_ARN, STRIPE_API_URL } = settings({
  STRIPE_SECRET_ARN: z.string(),
  /** Only where Stripe is somewhere else, as on one machine. */
  STRIPE_API_URL: z.url().optional(),
});

const shape = z.object({ apiKey: z.string().min(1) });

export const payments = madeOf(
  STRIPE_SECRET_ARN,
  shape,
  ({ apiKey }): PaymentProvider =>
    createStripePayments({
      apiKey,
      onDenied: () => renewed(STRIPE_SECRET_ARN),
      ...(STRIPE_API_URL ? { apiUrl: STRIPE_API_URL } : {}),
    }),
);
