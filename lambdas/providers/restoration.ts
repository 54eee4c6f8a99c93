/** What the product asks of whoever restores its photos. */
import type { RestorationCode } from './restoration-codes.ts';

/** One try of one job. At most one prediction belongs to it. */
export type Attempt = { jobId: string; attempt: number };

/** What became of a prediction. `running` until it has ended, whatever the provider calls that. */
export type PredictionState =
  | { state: 'running' }
  /** `outputUrl` is the provider’s, and dead within the hour: fetch it, never store it. */
  | { state: 'succeeded'; outputUrl: string }
  | { state: 'failed'; code: RestorationCode; message: string };

/** Every method rejects with a `StepError` of a restoration code. */
export type RestorationProvider = {
  /**
   * Starts a restoration, once. After `submission_uncertain` it may have started all the same.
   * `provider_throttled` has started nothing, and says how long to wait and how far apart to ask.
   * @param imageUrl presigned, with the attempt’s marker among its signed parameters
   */
  createPrediction(photo: Attempt & { imageUrl: string; imageKey: string }): Promise<{ id: string }>;
  /**
   * Finds the prediction that a run which died, or got no answer, left behind; within the hour,
   * because the provider then forgets inputs.
   * @param since when the attempt began
   */
  findPrediction(photo: Attempt & { imageKey: string; since: Date }): Promise<string | undefined>;
  getPrediction(id: string): Promise<PredictionState>;
  /** Stops it; one that has ended or is not known stays as it is. */
  cancelPrediction(id: string): Promise<void>;
};

/**
 * The query parameter that says in a photo’s presigned address which attempt it is for. S3 ignores
 * signed parameters that begin with `x-`; added after signing, it would break the signature.
 */
export function attemptMarker({ jobId, attempt }: Attempt): { name: string; value: string } {
  return { name: 'x-restoration-attempt', value: `${jobId}.${attempt}` };
}

/** Whether an address is that photo’s, marked for that attempt. */
export function isMarkedFor(
  address: string,
  { imageKey, ...attempt }: Attempt & { imageKey: string },
): boolean {
  if (!URL.canParse(address)) return false;
  const { pathname, searchParams } = new URL(address);
  const { name, value } = attemptMarker(attempt);
  const path = imageKey.split('/').map(encodeURIComponent).join('/');
  return searchParams.get(name) === value && pathname.endsWith(`/${path}`);
}
