/**
 * What no event announces: expires photos that were never posted, sends the message of what is
 * stuck again (always safe), reports what must never be, and archives old audit rows.
 */
import { z } from 'zod';
import type { RowOf } from '../../../schema/statements/statement.ts';
import { query, queryOne } from '../../platform/database.ts';
import { begin, type Remaining } from '../../platform/invocation.ts';
import { log } from '../../platform/logging.ts';
import { send } from '../../platform/messages.ts';
import { count, settings } from '../../platform/settings.ts';
import { archive } from './archive.sql';
import { expire } from './expire.sql';
import { faults } from './faults.sql';
import { stuck } from './stuck.sql';

const { AUDIT_DAYS, ...queues } = settings({
  KEEP_ORIGINAL_QUEUE_URL: z.url(),
  SUBMIT_JOB_QUEUE_URL: z.url(),
  COMPLETE_ORDER_QUEUE_URL: z.url(),
  SEND_EMAIL_QUEUE_URL: z.url(),
  AUDIT_DAYS: count,
});

/** Longer than any message of ours waits between two deliveries, and than a prediction may take. */
const overdueSeconds = 3600;
const batch = 200;
/** An order is looked at for three days after it changed; 10,000 of them take half a second. */
const lately = { withinSeconds: 3 * 86_400, orders: 10_000 };
/** Some 25 ms a batch: a run moves 100,000 rows in seconds, and the next one goes on. */
const auditBatch = 2000;
const mostAuditBatches = 50;

type Stuck = RowOf<typeof stuck>;

/** The queue and message that move a stuck row on; none where only a person can tell. */
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

async function pushOn(): Promise<number> {
  const rows = await query(stuck, { overdueSeconds, batch });
  for (const row of rows) {
    const { what, id, orderId, since } = row;
    const [queue, message] = remedy(row) ?? [];
    log.warn('stuck', { what, id, orderId, since, sentAgain: queue !== undefined });
    if (queue && message) await send(queue, [message], { groupId: orderId });
  }
  return rows.length;
}

/** For a person: what is wrong here, no message mends. The alarm counts these lines. */
async function report(): Promise<number> {
  const rows = await query(faults, { ...lately, restedSeconds: overdueSeconds, batch });
  for (const { what, id, orderId } of rows) log.error('inconsistent', { what, id, orderId });
  return rows.length;
}

async function archiveAudit(): Promise<number> {
  let archived = 0;
  for (let batches = 0; batches < mostAuditBatches; batches += 1) {
    const { moved } = await queryOne(archive, { retentionDays: AUDIT_DAYS, batch: auditBatch });
    // A batch is of one month: only an empty one says that nothing is left.
    if (moved === 0) break;
    archived += moved;
  }
  return archived;
}

type Found = { expired: number; stuck: number; inconsistent: number; archived: number };

/** @returns how much was found, for who runs it by hand; each row is a line of the log */
export async function handler(_event?: unknown, context?: Remaining): Promise<Found> {
  begin(context);
  const { expired } = await queryOne(expire, { batch });
  const found = {
    expired,
    stuck: await pushOn(),
    inconsistent: await report(),
    archived: await archiveAudit(),
  };
  log.info('reconciled', found);
  return found;
}
