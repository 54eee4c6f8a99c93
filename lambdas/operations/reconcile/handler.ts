/** What no event announces: expires photos that were never posted, lists what is stuck, and sends its message again, which is always safe. */
import { z } from 'zod';
import { one, type RowOf, run } from '../../platform/database.ts';
import { log } from '../../platform/logging.ts';
import { send } from '../../platform/messages.ts';
import { settings } from '../../platform/settings.ts';
import { expire } from './expire.sql';
import { stuck } from './stuck.sql';

const queues = settings({
  KEEP_ORIGINAL_QUEUE_URL: z.url(),
  SUBMIT_JOB_QUEUE_URL: z.url(),
  COMPLETE_ORDER_QUEUE_URL: z.url(),
  SEND_EMAIL_QUEUE_URL: z.url(),
});

/** Longer than any message of ours waits between two deliveries, and than a prediction may take. */
const overdueSeconds = 3600;
const batch = 200;

type Stuck = RowOf<typeof stuck>;

/** Which step goes on with a stuck row, and the message it understands; none where only a person can tell. */
function remedy({
  what,
  id,
  orderId,
  attempt,
  storagePath,
  uploadPath,
  etag,
}: Stuck): [string, object] | undefined {
  if (what.startsWith('photo') && uploadPath)
    return [
      queues.KEEP_ORIGINAL_QUEUE_URL,
      { orderId, imageId: id, uploadKey: uploadPath, uploadEtag: etag ?? '', originalKey: storagePath },
    ];
  if (what === 'job pending' || what === 'job queued' || what === 'job processing')
    return [queues.SUBMIT_JOB_QUEUE_URL, { jobId: id, attempt }];
  if (what.startsWith('email')) return [queues.SEND_EMAIL_QUEUE_URL, { emailId: id }];
  if (what === 'order not ended') return [queues.COMPLETE_ORDER_QUEUE_URL, { orderId }];
  return undefined;
}

/** @returns how much was found, for who runs it by hand; each row is a line of the log */
export async function handler(): Promise<{ expired: number; stuck: number }> {
  const { expired } = await one(expire, { batch });
  const rows = await run(stuck, { overdueSeconds, batch });
  for (const row of rows) {
    const { what, id, orderId, since } = row;
    const [queue, message] = remedy(row) ?? [];
    log.warn('stuck', { what, id, orderId, since, sentAgain: queue !== undefined });
    if (queue && message) await send(queue, [message], { groupId: orderId });
  }
  log.info('reconciled', { expired, stuck: rows.length });
  return { expired, stuck: rows.length };
}
