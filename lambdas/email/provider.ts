/** The email provider of this deployment, made of its secret. */
import { z } from 'zod';
import { madeOf, renewed } from '../platform/secrets.ts';
import { settings } from '../platform/settings.ts';
import type { EmailProvider } from '../providers/email.ts';
import { createSendGridEmail } from '../providers/sendgrid.ts';

const { SENDGRID_SECRET_ARN, SENDGRID_API_URL } = settings({
  SENDGRID_SECRET_ARN: z.string(),
  /** Only where SendGrid is somewhere else, as on one machine. */
  SENDGRID_API_URL: z.url().optional(),
});

const shape = z.object({ apiKey: z.string().min(1), webhookPublicKey: z.string() });

export const emailProvider = madeOf(
  SENDGRID_SECRET_ARN,
  shape,
  (keys): EmailProvider =>
    createSendGridEmail({
      ...keys,
      onDenied: () => renewed(SENDGRID_SECRET_ARN),
      ...(SENDGRID_API_URL ? { apiUrl: SENDGRID_API_URL } : {}),
    }),
);
