/** Ends an order whose photos have all ended, and asks for its email. */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { internalError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler, send } from '../../platform/messages.ts';
import { settings } from '../../platform/settings.ts';
import { completeOrderMessage } from '../messages.ts';
import { complete } from './complete.sql';

const { SEND_EMAIL_QUEUE_URL } = settings({ SEND_EMAIL_QUEUE_URL: z.url() });

/** SendGrid advises 20 MB in all, and base64 adds a third; a mailbox thanks for less. */
const maxAttachmentBytes = 8_000_000;

export const handler = queueHandler(completeOrderMessage, async ({ orderId }) => {
  const [row] = await query(complete, { orderId, maxAttachmentBytes });
  if (!row) throw internalError('unknown_order', `There is no order ${orderId} yet.`);
  if (row.emailId) await send(SEND_EMAIL_QUEUE_URL, [{ emailId: row.emailId }], { groupId: orderId });
  log.info('order checked', { orderId, status: row.status, open: row.open });
});
