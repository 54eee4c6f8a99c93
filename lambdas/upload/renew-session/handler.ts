/**
 * POST /api/upload/{session}/renew: fresh addresses for the photos still missing. An address lives
 * for hours and a session for a day, as a phone's slow upload may need.
 */
import { query } from '../../platform/database.ts';
import { apiHandler } from '../../platform/http.ts';
import { presign } from '../presign.ts';
import { sessionParameter, unknownSession } from '../session-parameter.ts';
import { waiting } from './waiting.sql';

export const handler = apiHandler(async (request) => {
  const sessionId = sessionParameter(request);
  const rows = await query(waiting, { sessionId });
  const [first] = rows;
  if (!first) throw unknownSession();
  const photos = rows
    .filter((row) => row.waiting)
    .map(async ({ id, originalFilename, storagePath, mimeType, fileSizeBytes }) => ({
      id,
      name: originalFilename,
      upload: await presign(storagePath, mimeType, fileSizeBytes),
    }));
  return {
    status: 200,
    body: { sessionId, expiresAt: first.expiresAt, photos: await Promise.all(photos) },
  };
});
