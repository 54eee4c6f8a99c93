/** The restoration provider of this deployment, made of its secret. */
import { z } from 'zod';
import { madeOf, renewed } from '../platform/secrets.ts';
import { settings } from '../platform/settings.ts';
import { createReplicateRestoration } from '../providers/replicate.ts';
import type { RestorationProvider } from '../providers/restoration.ts';

const { REPLICATE_SECRET_ARN, REPLICATE_API_URL, REPLICATE_MODEL } = settings({
  REPLICATE_SECRET_ARN: z.string(),
  /** Only where Replicate is somewhere else, as on one machine. */
  REPLICATE_API_URL: z.url().optional(),
  REPLICATE_MODEL: z.string(),
});

const shape = z.object({ apiToken: z.string().min(1) });

export const restorations = madeOf(
  REPLICATE_SECRET_ARN,
  shape,
  ({ apiToken }): RestorationProvider =>
    createReplicateRestoration({
      apiToken,
      onDenied: () => renewed(REPLICATE_SECRET_ARN),
      ...(REPLICATE_API_URL ? { apiUrl: REPLICATE_API_URL } : {}),
      model: REPLICATE_MODEL,
    }),
);
