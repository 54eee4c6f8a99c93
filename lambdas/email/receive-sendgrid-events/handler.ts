/** POST /api/webhooks/sendgrid: what became of our emails; settles sends whose answer was lost. */
import { z } from 'zod';
import { queryOne } from '../../platform/database.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler } from '../../platform/http.ts';
import { log } from '../../platform/logging.ts';
import { emailProvider } from '../provider.ts';
import { apply } from './apply.sql';

const told = new Set(['processed', 'delivered', 'bounce', 'dropped']);

export const handler = apiHandler(async (request) => {
  const provider = await emailProvider();
  const events = provider.verifyEvents(
    request.body,
    request.headers['x-twilio-email-event-webhook-signature'],
    request.headers['x-twilio-email-event-webhook-timestamp'],
  );
  const ours = events.filter(({ type, emailId }) => told.has(type) && z.guid().safeParse(emailId).success);
  if (ours.length > 1000)
    throw clientError('too_many_events', 'A batch holds at most 1,000 events.', { status: 413 });
  if (ours.length > 0) {
    const rows = ours.map(({ id, type, emailId, at }) => ({ id, type, email_id: emailId, at }));
    const { received, applied } = await queryOne(apply, { events: JSON.stringify(rows) });
    log.info('email events', { events: events.length, received, applied });
  }
  return { status: 200, body: { received: true } };
});
