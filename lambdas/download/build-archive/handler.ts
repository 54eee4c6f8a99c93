/** Packs the photos of a link into a ZIP, streamed S3 to S3; stored, as photos do not shrink. */
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { makeZip } from 'client-zip';
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler } from '../../platform/messages.ts';
import { archiveKey } from '../../platform/object-keys.ts';
import { exists, isPreconditionFailed, s3 } from '../../platform/objects.ts';
import { settings } from '../../platform/settings.ts';
import { buildArchiveMessage } from '../messages.ts';
import { restoredNames } from '../names.ts';
import { archive } from './archive.sql';

const { RESTORED_BUCKET } = settings({ RESTORED_BUCKET: z.string() });

type Photo = Awaited<ReturnType<typeof photosOf>>[number];

async function photosOf(linkId: string) {
  const rows = await query(archive, { linkId });
  if (rows.length === 0)
    throw internalError('unknown_link', `There is no link ${linkId}, or it opens nothing.`);
  const names = restoredNames(rows);
  return rows.map((row, index) => ({ ...row, name: names[index] ?? row.imageId }));
}

/** Opens one photo after the other, so that memory holds a few chunks and no photo. */
async function* entries(photos: Photo[]) {
  for (const { storageBucket, storagePath, name, restoredAt } of photos) {
    const { Body, ContentLength } = await s3.send(
      new GetObjectCommand({ Bucket: storageBucket, Key: storagePath }),
    );
    if (!Body) throw internalError('photo_without_bytes', `The object ${storagePath} has no body.`);
    const size = ContentLength === undefined ? {} : { size: ContentLength };
    yield { name, input: Body.transformToWebStream(), lastModified: new Date(restoredAt), ...size };
  }
}

async function pack(photos: Photo[], key: string): Promise<void> {
  const zip = makeZip(entries(photos)) as ReadableStream<Uint8Array>;
  const Body = Readable.fromWeb(zip);
  const params = {
    Bucket: RESTORED_BUCKET,
    Key: key,
    Body,
    ContentType: 'application/zip',
    IfNoneMatch: '*',
  };
  await new Upload({ client: s3, params, queueSize: 2 }).done().catch((error: unknown) => {
    // Another run was quicker.
    if (!isPreconditionFailed(error)) throw error;
  });
}

export const handler = queueHandler(buildArchiveMessage, async ({ linkId }) => {
  const photos = await photosOf(linkId);
  const { orderId = '', withheld } = photos[0] ?? {};
  // Nobody can have it. Whoever opens the link when they can asks again.
  if (withheld) return log.info('photos withheld', { orderId, linkId, because: withheld });
  const key = archiveKey(
    orderId,
    photos.map(({ imageId }) => imageId),
  );
  if (await exists(RESTORED_BUCKET, key)) return;
  await pack(photos, key);
  log.info('archive built', { orderId, linkId, photos: photos.length });
});
