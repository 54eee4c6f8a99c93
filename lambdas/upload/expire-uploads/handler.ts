/** S3's lifecycle expired temporary objects: marks their uploads, so that nobody waits for them. An object without a row leaves nothing to mark. */
import { query } from '../../platform/database.ts';
import { queueHandler } from '../../platform/messages.ts';
import { s3Event, uploadsOf } from '../s3-event.ts';
import { expire } from './expire.sql';

export const handler = queueHandler(s3Event, async (event) => {
  for (const { uploadId, sessionId } of uploadsOf(event)) await query(expire, { uploadId, sessionId });
});
