/** Gives a job to the restoration provider once, whatever dies; then starts its poller. */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { z } from 'zod';
import { attemptCode } from '../../error-codes.ts';
import { query, queryOne } from '../../platform/database.ts';
import { internalError, retryLater, StepError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler, send, sendLater } from '../../platform/messages.ts';
import { s3 } from '../../platform/objects.ts';
import { count, settings } from '../../platform/settings.ts';
import { attemptMarker } from '../../providers/restoration.ts';
import {
  type FailAttemptMessage,
  type PollerInput,
  type SubmitJobMessage,
  submitJobMessage,
} from '../messages.ts';
import { restorations } from '../provider.ts';
import { claim } from './claim.sql';
import { submitted } from './submitted.sql';
import { wait } from './wait.sql';

const {
  ORIGINALS_BUCKET,
  POLLER_ARN,
  SUBMIT_JOB_QUEUE_URL,
  FAIL_ATTEMPT_QUEUE_URL,
  LEASE_SECONDS,
  REPLICATE_MODEL,
} = settings({
  ORIGINALS_BUCKET: z.string(),
  POLLER_ARN: z.string(),
  SUBMIT_JOB_QUEUE_URL: z.url(),
  FAIL_ATTEMPT_QUEUE_URL: z.url(),
  LEASE_SECONDS: count,
  REPLICATE_MODEL: z.string(),
});
const stepFunctions = new SFNClient({});

/** The provider fetches the photo when it starts, which may be a while after it was asked. */
const imageUrlSeconds = 3600;

type Claimed = { outcome: string; orderId: string; storagePath: string; queuedAt: string | null };

/** The part of the SDK's request that a marker goes into. `z.custom` hands back the very object. */
const signedRequest = z.custom<{ query: Record<string, string> }>(
  (request) => typeof request === 'object' && request !== null && 'query' in request,
);

/** A presigned address that names its attempt, by which a lost prediction is found again. */
async function markedUrl(attempt: SubmitJobMessage, key: string): Promise<string> {
  const command = new GetObjectCommand({ Bucket: ORIGINALS_BUCKET, Key: key });
  const marker = attemptMarker(attempt);
  command.middlewareStack.add(
    (next) => (args) => {
      Object.assign(signedRequest.parse(args.request).query, { [marker.name]: marker.value });
      return next(args);
    },
    { step: 'build', name: 'attemptMarker' },
  );
  return getSignedUrl(s3, command, { expiresIn: imageUrlSeconds });
}

/** What the provider allows and a tenth: a delay of SQS is rounded up to a second. */
const spacingMargin = 1.1;

/** Asked to wait, the job waits: this costs it no attempt, and its message no receive. */
async function waitInLine({ jobId, attempt }: SubmitJobMessage, orderId: string, throttled: StepError) {
  const { retryAfterSeconds: waitSeconds = 0, spacingSeconds = 0 } = throttled;
  const places = await query(wait, {
    jobId,
    attempt,
    waitSeconds,
    spacingSeconds: spacingSeconds * spacingMargin,
  });
  for (const { scheduledFor } of places) {
    log.info('job waits for the provider', { jobId, attempt, waitSeconds, scheduledFor });
    await sendLater(SUBMIT_JOB_QUEUE_URL, { jobId, attempt }, new Date(scheduledFor), orderId);
  }
}

/**
 * The prediction of this attempt: the one a dead run left behind, or a new one; none if it waits.
 */
async function predictionFor(
  { jobId, attempt }: SubmitJobMessage,
  { outcome, orderId, storagePath, queuedAt }: Claimed,
): Promise<string | undefined> {
  const provider = await restorations();
  if (outcome === 'taken over') {
    const since = new Date(queuedAt ?? 0);
    const left = await provider.findPrediction({ jobId, attempt, imageKey: storagePath, since });
    if (left) return left;
  }
  const imageUrl = await markedUrl({ jobId, attempt }, storagePath);
  try {
    return (await provider.createPrediction({ jobId, attempt, imageUrl, imageKey: storagePath })).id;
  } catch (error) {
    // A search that is throttled is not waited for so: until it is made, the job stays in doubt.
    if (!(error instanceof StepError) || error.code !== 'provider_throttled') throw error;
    await waitInLine({ jobId, attempt }, orderId, error);
    return undefined;
  }
}

/** The name makes starting twice starting once, even if it has ended already. */
async function startPoller(input: PollerInput): Promise<void> {
  const name = `${input.jobId}-${input.attempt}`;
  const command = new StartExecutionCommand({
    stateMachineArn: POLLER_ARN,
    name,
    input: JSON.stringify(input),
  });
  await stepFunctions.send(command).catch((error: unknown) => {
    if (!(error instanceof ExecutionAlreadyExists)) throw error;
  });
}

async function submit(message: SubmitJobMessage, claimed: Claimed): Promise<string | undefined> {
  const { jobId, attempt } = message;
  let predictionId: string | undefined;
  try {
    predictionId = await predictionFor(message, claimed);
  } catch (error) {
    if (!(error instanceof StepError) || error.kind !== 'permanent') throw error;
    const failure: FailAttemptMessage = {
      jobId,
      attempt,
      code: attemptCode(error.code),
      message: error.message,
    };
    await send(FAIL_ATTEMPT_QUEUE_URL, [failure]);
    return undefined;
  }
  if (!predictionId) return undefined;
  const inputParameters = JSON.stringify({ model: REPLICATE_MODEL });
  const row = await queryOne(submitted, { jobId, attempt, predictionId, inputParameters });
  if (row.submitted === 1) return predictionId;
  log.warn('job ended while it was submitted', { jobId, attempt });
  await (await restorations()).cancelPrediction(predictionId);
  return undefined;
}

export const handler = queueHandler(submitJobMessage, async (message) => {
  const { jobId, attempt } = message;
  const [row] = await query(claim, { jobId, attempt, leaseSeconds: LEASE_SECONDS });
  if (!row) throw internalError('unknown_job', `There is no job ${jobId} yet.`);
  const { outcome, orderId, imageId, scheduledFor } = row;
  if (outcome === 'held') throw retryLater('job_held', 'Another run holds this job.');
  if (outcome === 'superseded' || outcome === 'ended' || outcome === 'not payable') {
    log.info('job not submitted', { jobId, attempt, outcome });
    return;
  }
  if (outcome === 'early' && scheduledFor)
    return sendLater(SUBMIT_JOB_QUEUE_URL, { jobId, attempt }, new Date(scheduledFor), orderId);
  const predictionId = outcome === 'submitted' ? row.externalJobId : await submit(message, row);
  if (predictionId) await startPoller({ jobId, attempt, orderId, imageId, predictionId });
});
