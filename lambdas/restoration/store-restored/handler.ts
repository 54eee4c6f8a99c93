/** Stores the photo of a prediction that succeeded and completes its job; the poller calls it. */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { begin, type Remaining } from '../../platform/invocation.ts';
import { log } from '../../platform/logging.ts';
import { send } from '../../platform/messages.ts';
import { restoredStem } from '../../platform/object-keys.ts';
import { count, list, settings } from '../../platform/settings.ts';
import { storeRestoredInput } from '../messages.ts';
import { fetchOutput } from './fetch-output.ts';
import { restored } from './restored.sql';
import { storeOutput } from './store-output.ts';

const { RESTORED_BUCKET, COMPLETE_ORDER_QUEUE_URL, REPLICATE_OUTPUT_HOSTS, MAX_OUTPUT_BYTES } = settings({
  RESTORED_BUCKET: z.string(),
  COMPLETE_ORDER_QUEUE_URL: z.url(),
  REPLICATE_OUTPUT_HOSTS: list,
  MAX_OUTPUT_BYTES: count,
});

/** @returns `{ stored: false }` when the job had ended meanwhile, as after a refund */
export async function handler(event: unknown, context?: Remaining): Promise<{ stored: boolean }> {
  begin(context);
  const { jobId, attempt, orderId, imageId, outputUrl } = storeRestoredInput.parse(event);
  const output = await fetchOutput(outputUrl, {
    allowedHosts: REPLICATE_OUTPUT_HOSTS,
    maxBytes: MAX_OUTPUT_BYTES,
  });
  const photo = await storeOutput(output.stream, RESTORED_BUCKET, restoredStem(orderId, imageId));
  const [row] = await query(restored, { jobId, attempt, bucket: RESTORED_BUCKET, ...photo });
  if (!row) throw internalError('unknown_attempt', `There is no attempt ${attempt} of job ${jobId}.`);
  log.info('photo restored', { jobId, attempt, imageId, status: row.status, bytes: photo.size });
  if (row.status === 'completed' && row.last)
    await send(COMPLETE_ORDER_QUEUE_URL, [{ orderId: row.orderId }], { groupId: orderId });
  return { stored: row.status === 'completed' };
}
