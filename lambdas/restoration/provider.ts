/** The restoration provider of this deployment, made once per process from its secret. */
import { z } from 'zod';
import { secret } from '../platform/secrets.ts';
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

let made: RestorationProvider | undefined;

export async function restorations(): Promise<RestorationProvider> {
  made ??= createReplicateRestoration({
    ...(await secret(REPLICATE_SECRET_ARN, shape)),
    ...(REPLICATE_API_URL ? { apiUrl: REPLICATE_API_URL } : {}),
    model: REPLICATE_MODEL,
  });
  return made;
}
