/** S3 says that a temporary object was created: looks at its head, and records the photo or refuses it. */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler } from '../../platform/messages.ts';
import { deleteObject, readHead } from '../../platform/objects.ts';
import { count, settings } from '../../platform/settings.ts';
import { s3Event, type TemporaryUpload, uploadsOf } from '../s3-event.ts';
import { inspect } from './inspect.ts';
import { record } from './record.sql';
import { refuse } from './refuse.sql';

const { TEMP_BUCKET, MAX_PIXELS } = settings({ TEMP_BUCKET: z.string(), MAX_PIXELS: count });

/** Nearly every photo says its size in 64 kB; a JPEG with a large preview or colour profile within 8 MB. */
const headLengths = [64 * 1024, 1024 * 1024, 8 * 1024 * 1024];

async function look(key: string) {
  for (const length of headLengths) {
    const head = await readHead(TEMP_BUCKET, key, length);
    if (!head) return undefined;
    const inspection = inspect(head.bytes, head.bytes.length === head.size, MAX_PIXELS);
    if (!('more' in inspection)) return { ...head, inspection };
  }
  return { ...(await readHead(TEMP_BUCKET, key, 1)), inspection: { refusal: 'unreadable' as const } };
}

async function recordUpload({ key, sessionId, uploadId }: TemporaryUpload): Promise<void> {
  const found = await look(key);
  if (!found?.etag) {
    log.info('object is gone already', { uploadId });
    return;
  }
  const { etag, size = 0, inspection } = found;
  const ids = { uploadId, sessionId, etag, size };
  const [row] =
    'photo' in inspection
      ? await query(record, {
          ...ids,
          mimeType: inspection.photo.type,
          width: inspection.photo.width,
          height: inspection.photo.height,
        })
      : await query(refuse, { ...ids, refusalCode: inspection.refusal });
  if (!row) throw internalError('unknown_upload', `There is no row for upload ${uploadId} yet.`);
  const unwanted = 'refusal' in inspection && row.statusBefore !== 'moved_to_permanent';
  if (unwanted || row.statusBefore === 'deleted' || row.statusBefore === 'expired')
    await deleteObject(TEMP_BUCKET, key);
}

export const handler = queueHandler(s3Event, async (event) => {
  for (const upload of uploadsOf(event)) await recordUpload(upload);
});
