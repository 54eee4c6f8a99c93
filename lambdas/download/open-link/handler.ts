/** GET and HEAD /download/{token}: checks, counts, and redirects to a presigned address. */
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { z } from 'zod';
import { refuseWithheld } from '../../order/withheld.ts';
import { query } from '../../platform/database.ts';
import { clientError } from '../../platform/errors.ts';
import { type Answer, apiHandler, type Request } from '../../platform/http.ts';
import { send } from '../../platform/messages.ts';
import { archiveKey } from '../../platform/object-keys.ts';
import { exists, s3 } from '../../platform/objects.ts';
import { settings } from '../../platform/settings.ts';
import { contentDisposition, originalName, restoredName } from '../names.ts';
import { looksLikeToken, tokenHash } from '../token.ts';
import { askedOf, viewerOf } from './asked.ts';
import { open } from './open.sql';

const { RESTORED_BUCKET, BUILD_ARCHIVE_QUEUE_URL } = settings({
  RESTORED_BUCKET: z.string(),
  BUILD_ARCHIVE_QUEUE_URL: z.url(),
});

/** Long enough to begin a download on a slow line, and to resume it. */
const redirectSeconds = 15 * 60;
/** 100 photos take about this long to pack. */
const archiveWaitSeconds = 3;

const unknownLink = () =>
  clientError(
    'unknown_link',
    'There is no such download link. Please check that you copied all of it from your email.',
    { status: 404 },
  );
/** Something that this person can do: the family has no order to open. */
const whatNext = (shared: boolean) =>
  shared
    ? 'Please ask the person who shared these photos with you to share them once more.'
    : 'Open your order from your confirmation email to get a new link.';
const expiredLink = (shared: boolean) =>
  clientError('link_expired', `This link has expired. ${whatNext(shared)}`, { status: 410 });
const spentLink = (shared: boolean) =>
  clientError('link_spent', `This link has been used as often as it may be. ${whatNext(shared)}`, {
    status: 410,
  });

async function look(request: Request, archiveReady: boolean) {
  const hash = tokenHash(request.path.token ?? '');
  const { ipAddress, userAgent } = request;
  const rows = await query(open, {
    tokenHash: hash,
    archiveReady,
    asked: askedOf(request),
    viewer: viewerOf(request),
    againSeconds: redirectSeconds,
    ipAddress,
    userAgent,
  });
  const [first] = rows;
  if (!first) throw unknownLink();
  refuseWithheld(first.withheld);
  if (first.expired) throw expiredLink(first.shared);
  if (first.spent) throw spentLink(first.shared);
  return { first, rows };
}

/** Who only looks is sent to headers: the address of a HEAD opens no photo. */
async function redirect(request: Request, Bucket: string, Key: string, disposition: string): Promise<Answer> {
  const Command = askedOf(request) === 'look' ? HeadObjectCommand : GetObjectCommand;
  const object = new Command({ Bucket, Key, ResponseContentDisposition: disposition });
  const location = await getSignedUrl(s3, object, { expiresIn: redirectSeconds });
  return { status: 302, headers: { location, 'referrer-policy': 'no-referrer' } };
}

async function openArchive(
  request: Request,
  { first, rows }: Awaited<ReturnType<typeof look>>,
): Promise<Answer> {
  const key = archiveKey(
    first.orderId,
    rows.map(({ imageId }) => imageId),
  );
  if (!(await exists(RESTORED_BUCKET, key))) {
    await send(BUILD_ARCHIVE_QUEUE_URL, [{ linkId: first.linkId }], { groupId: first.orderId });
    const detail = 'Your photos are being packed. Please open this link again in a few seconds.';
    return {
      status: 202,
      headers: { 'retry-after': String(archiveWaitSeconds) },
      body: { state: 'packing', detail },
    };
  }
  const counted = await look(request, true);
  const name = `RestoreClick ${counted.first.orderNumber}.zip`;
  return redirect(
    request,
    RESTORED_BUCKET,
    key,
    contentDisposition(name, `restoreclick-${counted.first.orderNumber}.zip`),
  );
}

export const handler = apiHandler(async (request) => {
  if (!looksLikeToken(request.path.token ?? '')) throw unknownLink();
  const found = await look(request, false);
  const { first } = found;
  if (!first.single) return openArchive(request, found);
  const { originalFilename, format, imageType } = first;
  const name =
    imageType === 'restored'
      ? restoredName(originalFilename, format)
      : originalName(originalFilename, format);
  return redirect(
    request,
    first.storageBucket,
    first.storagePath,
    contentDisposition(name, `photo.${format}`),
  );
});
