/** POST /api/webhooks/sendgrid: what became of our emails; settles sends whose answer was lost. */
import { z } from 'zod';
import { queryOne } from '../../platform/database.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler } from '../../platform/http.ts';
import { log } from '../../platform/logging.ts';
import { settings } from '../../platform/settings.ts';
import { verified } from '../../platform/webhooks.ts';
import { emailProvider } from '../provider.ts';
import { apply } from './apply.sql';

const { SENDGRID_SECRET_ARN } = settings({ SENDGRID_SECRET_ARN: z.string() });

/** What settles a send, or says that no more are wanted; any other is only news. */
const settling = new Set([
  ...['processed', 'delivered', 'bounce', 'dropped'],
  ...['spamreport', 'unsubscribe', 'group_unsubscribe'],
]);

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
    .map(({ id, type, emailId, at }) => ({ id, type, email_id: emailId, at }));
  if (rows.length > 1000)
    throw clientError('too_many_events', 'A batch holds at most 1,000 events.', { status: 413 });
  if (odd > 0) log.warn('odd events left out', { events: events.length, odd });
  if (rows.length > 0) {
    const { received, applied } = await queryOne(apply, { events: JSON.stringify(rows) });
    log.info('email events', { events: events.length, received, applied });
  }
  return { status: 200, body: { received: true } };
});
