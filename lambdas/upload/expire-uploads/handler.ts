/** Marks the uploads whose temporary objects S3 expired, so that nobody waits for them. */
import { query } from '../../platform/database.ts';
import { queueHandler } from '../../platform/messages.ts';
import { s3Event, uploadsOf } from '../s3-event.ts';
import { expire } from './expire.sql';

export const handler = queueHandler(s3Event, async (event) => {
  for (const { uploadId, sessionId } of uploadsOf(event)) await query(expire, { uploadId, sessionId });
});
