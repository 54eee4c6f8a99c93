/** POST /api/webhooks/sendgrid: what became of our emails; settles sends whose answer was lost. */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler } from '../../platform/http.ts';
import { log } from '../../platform/logging.ts';
import { sendLater } from '../../platform/messages.ts';
import { settings } from '../../platform/settings.ts';
import { verified } from '../../platform/webhooks.ts';
import { emailProvider } from '../provider.ts';
import { apply } from './apply.sql';

const { SENDGRID_SECRET_ARN, SEND_EMAIL_QUEUE_URL } = settings({
  SENDGRID_SECRET_ARN: z.string(),
  SEND_EMAIL_QUEUE_URL: z.url(),
});

/** What settles a send, or says that no more are wanted; any other is only news. */
const settling = new Set([
  ...['processed', 'delivered', 'bounce', 'blocked', 'dropped'],
  ...['spamreport', 'unsubscribe', 'group_unsubscribe'],
]);

/** SendGrid itself has tried for 72 hours where the other server asked it to wait. */
const blockedSeconds = 3600;

async function record(events: object[]): Promise<void> {
  const rows = await query(apply, { events: JSON.stringify(events), blockedSeconds });
  const [first] = rows;
  log.info('email events', { received: first?.received, applied: first?.applied });
  for (const { emailId, orderId, scheduledFor } of rows) {
    if (!emailId || !orderId || !scheduledFor) continue;
    log.warn('email blocked', { emailId, scheduledFor });
    await sendLater(SEND_EMAIL_QUEUE_URL, { emailId }, new Date(scheduledFor), orderId);
  }
}

export const handler = apiHandler(async ({ body, headers }) => {
  const { events, odd } = await verified('sendgrid', SENDGRID_SECRET_ARN, async () =>
    (await emailProvider()).verifyEvents(
      body,
      headers['x-twilio-email-event-webhook-signature'],
      headers['x-twilio-email-event-webhook-timestamp'],
    ),
  );
  const rows = events
    .filter(({ type, emailId }) => settling.has(type) && z.guid().safeParse(emailId).success)
    .map(({ id, type, emailId, attempt, at }) => ({ id, type, email_id: emailId, attempt, at }));
  if (rows.length > 1000)
    throw clientError('too_many_events', 'A batch holds at most 1,000 events.', { status: 413 });
  if (odd > 0) log.warn('odd events left out', { events: events.length, odd });
  if (rows.length > 0) await record(rows);
  return { status: 200, body: { received: true } };
});
