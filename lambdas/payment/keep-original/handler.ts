/** Copies one sold photo to the originals, if it is still the one sold, and asks to restore it. */
import { z } from 'zod';
import type { KeepingCode } from '../../error-codes.ts';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler, send } from '../../platform/messages.ts';
import { copyOnce } from '../../platform/objects.ts';
import { settings } from '../../platform/settings.ts';
import { typeOfKey } from '../../upload/photo-types.ts';
import { type KeepOriginalMessage, keepOriginalMessage } from '../messages.ts';
import { fail } from './fail.sql';
import { keep } from './keep.sql';

const { TEMP_BUCKET, ORIGINALS_BUCKET, SUBMIT_JOB_QUEUE_URL, COMPLETE_ORDER_QUEUE_URL } = settings({
  TEMP_BUCKET: z.string(),
  ORIGINALS_BUCKET: z.string(),
  SUBMIT_JOB_QUEUE_URL: z.url(),
  COMPLETE_ORDER_QUEUE_URL: z.url(),
});

const unknown = (imageId: string) =>
  internalError('unknown_image', `There is no image ${imageId} of that order.`);

async function failPhoto({ orderId, imageId }: KeepOriginalMessage, errorCode: KeepingCode): Promise<void> {
  const [row] = await query(fail, { orderId, imageId, errorCode });
  if (!row) throw unknown(imageId);
  log.error('photo cannot be kept', { orderId, imageId, code: errorCode });
  if (row.last) await send(COMPLETE_ORDER_QUEUE_URL, [{ orderId }], { groupId: orderId });
}

export const handler = queueHandler(keepOriginalMessage, async (message) => {
  const { orderId, imageId, uploadKey, uploadEtag, originalKey } = message;
  const copied = await copyOnce(
    { bucket: TEMP_BUCKET, key: uploadKey, etag: uploadEtag },
    { bucket: ORIGINALS_BUCKET, key: originalKey, contentType: typeOfKey(originalKey) },
  );
  if (copied === 'source missing') return failPhoto(message, 'upload_missing');
  if (copied === 'source changed') return failPhoto(message, 'upload_changed');
  const [row] = await query(keep, { orderId, imageId });
  if (!row) throw unknown(imageId);
  if (row.jobId)
    await send(SUBMIT_JOB_QUEUE_URL, [{ jobId: row.jobId, attempt: row.attempt }], { groupId: orderId });
});
