/**
 * S3 says that a temporary object was created: reads it whole, and records the photo or refuses it.
 */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler } from '../../platform/messages.ts';
import { deleteObject, openObject } from '../../platform/objects.ts';
import { count, settings } from '../../platform/settings.ts';
import { s3Event, type TemporaryUpload, uploadsOf } from '../s3-event.ts';
import { readPicture } from './picture/read-picture.ts';
import { record } from './record.sql';
import { refuse } from './refuse.sql';

const { TEMP_BUCKET, MAX_PIXELS } = settings({ TEMP_BUCKET: z.string(), MAX_PIXELS: count });

async function recordUpload({ key, sessionId, uploadId }: TemporaryUpload): Promise<void> {
  const object = await openObject(TEMP_BUCKET, key);
  if (!object) {
    log.info('object is gone already', { uploadId });
    return;
  }
  const { etag, size, bytes } = object;
  const inspection = await readPicture(bytes, { maxPixels: MAX_PIXELS });
  const ids = { uploadId, sessionId, etag, size };
  if ('refusal' in inspection) log.info('photo refused', { ...ids, ...inspection });
  const [row] =
    'photo' in inspection
      ? await query(record, { ...ids, ...inspection.photo })
      : await query(refuse, { ...ids, refusalCode: inspection.refusal });
  if (!row) throw internalError('unknown_upload', `There is no row for upload ${uploadId} yet.`);
  const unwanted = 'refusal' in inspection && row.statusBefore !== 'moved_to_permanent';
  if (unwanted || row.statusBefore === 'deleted' || row.statusBefore === 'expired')
    await deleteObject(TEMP_BUCKET, key);
}

export const handler = queueHandler(s3Event, async (event) => {
  for (const upload of uploadsOf(event)) await recordUpload(upload);
});
