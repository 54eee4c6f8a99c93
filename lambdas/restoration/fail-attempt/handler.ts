/** An attempt at a photo has failed: submits the next one after a while, or gives the photo up. */
import { z } from 'zod';
import type { AttemptCode } from '../../error-codes.ts';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler, send } from '../../platform/messages.ts';
import { settings } from '../../platform/settings.ts';
import { isAboutPhoto, isRetryable } from '../../providers/restoration-codes.ts';
import { type FailAttemptMessage, failAttemptMessage } from '../messages.ts';
import { restorations } from '../provider.ts';
import { fail } from './fail.sql';

const { SUBMIT_JOB_QUEUE_URL, COMPLETE_ORDER_QUEUE_URL } = settings({
  SUBMIT_JOB_QUEUE_URL: z.url(),
  COMPLETE_ORDER_QUEUE_URL: z.url(),
});

/** A poller that broke, ran out of time or was stopped (EventBridge); named by job and attempt. */
const brokenPoller = z
  .object({ detail: z.object({ name: z.string().regex(/^[0-9a-f-]{36}-\d+$/), status: z.string() }) })
  .transform(
    ({ detail: { name, status } }): FailAttemptMessage => ({
      jobId: name.slice(0, 36),
      attempt: Number(name.slice(37)),
      code: 'poller_broken',
      message: `The poller ended ${status}.`,
    }),
  );

/** What was given up may still be running, and would be paid for. */
async function cancelLeftBehind(predictionId: string | null, code: AttemptCode): Promise<void> {
  if (!predictionId || !['poller_broken', 'prediction_timed_out'].includes(code)) return;
  await (await restorations()).cancelPrediction(predictionId);
}

export const handler = queueHandler(
  z.union([failAttemptMessage, brokenPoller]),
  async ({ jobId, attempt, code, message }) => {
    const [row] = await query(fail, {
      jobId,
      attempt,
      errorCode: code,
      errorMessage: message || null,
      retryable: isRetryable(code),
      counted: isAboutPhoto(code),
    });
    if (!row) throw internalError('unknown_job', `There is no job ${jobId} yet.`);
    const { orderId, outcome, delaySeconds } = row;
    log.warn('attempt failed', { jobId, attempt, code, outcome, counted: isAboutPhoto(code) });
    if (outcome === 'again')
      await send(SUBMIT_JOB_QUEUE_URL, [{ jobId, attempt: attempt + 1 }], { groupId: orderId, delaySeconds });
    if (outcome === 'failed' && row.last)
      await send(COMPLETE_ORDER_QUEUE_URL, [{ orderId }], { groupId: orderId });
    // Last: the order goes on even if the provider denies this.
    if (outcome !== 'superseded') await cancelLeftBehind(row.externalJobId, code);
  },
);
