/** Packs the photos of a link into a ZIP; however many ask for the same photos, one run packs. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler } from '../../platform/messages.ts';
import { archiveKey } from '../../platform/object-keys.ts';
import { exists } from '../../platform/objects.ts';
import { settings } from '../../platform/settings.ts';
import { buildArchiveMessage } from '../messages.ts';
import { restoredNames } from '../names.ts';
import { archive } from './archive.sql';
import { buildArchive } from './build.ts';
import { hold } from './hold.sql';

const { RESTORED_BUCKET } = settings({ RESTORED_BUCKET: z.string() });

/**
 * A run that died is taken over after this; one that lives holds on, three times in that time. One
 * that is done leaves it to pass, which spares a statement: who asks in between asks again.
 */
const leaseSeconds = 15;

async function takePhotos(linkId: string, holder: string) {
  const rows = await query(archive, { linkId, holder, leaseSeconds });
  const [first] = rows;
  if (!first) throw internalError('unknown_link', `There is no link ${linkId}, or it opens nothing.`);
  const names = restoredNames(rows);
  const photos = rows.map((row, index) => ({ ...row, name: names[index] ?? row.imageId }));
  const imageIds = rows.map(({ imageId }) => imageId);
  return { ...first, photos, key: archiveKey(first.orderId, imageIds) };
}

/**
 * Holds on while the work lasts, and gives back what could not be done, so that the next need not
 * wait.
 */
async function whileHeld(lease: { buildId: string; holder: string }, work: () => Promise<void>) {
  const holding = setInterval(
    () => {
      query(hold, { ...lease, leaseSeconds }).catch((error: unknown) =>
        log.warn('lease not held', { ...lease, error: error instanceof Error ? error.name : typeof error }),
      );
    },
    (leaseSeconds * 1000) / 3,
  );
  try {
    await work();
  } catch (error) {
    await query(hold, { ...lease, leaseSeconds: 0 });
    throw error;
  } finally {
    clearInterval(holding);
  }
}

export const handler = queueHandler(buildArchiveMessage, async ({ linkId }) => {
  const holder = randomUUID();
  const { orderId, buildId, taken, withheld, photos, key } = await takePhotos(linkId, holder);
  // Nobody can have it. Whoever opens the link when they can asks again.
  if (withheld) return log.info('photos withheld', { orderId, linkId, because: withheld });
  if (await exists(RESTORED_BUCKET, key)) return;
  // Its holder's own message comes again if it dies, and so does whoever opens a link.
  if (!taken) return void log.info('archive is being built', { orderId, linkId });
  await whileHeld({ buildId, holder }, () => buildArchive(photos, RESTORED_BUCKET, key));
  log.info('archive built', { orderId, linkId, photos: photos.length });
});
