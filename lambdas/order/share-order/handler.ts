/** POST /api/orders/{order}/share: sends the family a link to the restored photos. */
import { z } from 'zod';
import { isName, linkIn, longestName } from '../../email/strangers-words.ts';
import { query } from '../../platform/database.ts';
import { emailAddress } from '../../platform/email-address.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler, jsonBody } from '../../platform/http.ts';
import { send } from '../../platform/messages.ts';
import { authorisedOrder, unknownOrder } from '../../platform/order-key.ts';
import { count, settings } from '../../platform/settings.ts';
import { refuseWithheld } from '../withheld.ts';
import { share } from './share.sql';

const {
  ORDER_KEY_SECRET_ARN,
  SEND_EMAIL_QUEUE_URL,
  SHARE_MAX_RECIPIENTS,
  SHARE_MAX_ROUNDS,
  SHARE_MAX_A_DAY,
} = settings({
  ORDER_KEY_SECRET_ARN: z.string(),
  SEND_EMAIL_QUEUE_URL: z.url(),
  SHARE_MAX_RECIPIENTS: count,
  SHARE_MAX_ROUNDS: count,
  SHARE_MAX_A_DAY: count,
});

const body = z.object({
  /** Counted before any is read, so that a long list costs nothing. */
  recipients: z
    .array(z.unknown())
    .min(1, 'please name at least one person')
    .max(SHARE_MAX_RECIPIENTS, `you can share with at most ${SHARE_MAX_RECIPIENTS} people at a time`)
    .pipe(z.array(emailAddress)),
  senderName: z
    .string()
    .trim()
    .refine(isName, `a name has letters, spaces, apostrophes, hyphens and dots, at most ${longestName}`)
    .optional(),
  message: z
    .string()
    .trim()
    .max(500)
    .refine((text) => linkIn(text) === undefined, {
      error: ({ input }) => `a message cannot hold links or addresses, such as “${linkIn(String(input))}”`,
    })
    .optional(),
});

const emailIdList = z.array(z.guid());

export const handler = apiHandler(async (request) => {
  const { orderId, keyVersion } = await authorisedOrder(request, ORDER_KEY_SECRET_ARN);
  const { recipients, senderName, message } = jsonBody(request, body);
  const [row] = await query(share, {
    orderId,
    keyVersion,
    recipients: JSON.stringify(recipients),
    senderName: senderName ?? null,
    message: message ?? null,
    maxRounds: SHARE_MAX_ROUNDS,
    maxADay: SHARE_MAX_A_DAY,
    ipAddress: request.ipAddress,
    userAgent: request.userAgent,
  });
  if (!row) throw unknownOrder();
  refuseWithheld(row.withheld);
  if (!row.restored)
    throw clientError(
      'nothing_restored',
      'No photo of this order is restored yet. We will send you an email when they are ready.',
      { status: 409 },
    );
  if (row.roundsBefore >= SHARE_MAX_ROUNDS)
    throw clientError(
      'share_limit',
      `You can share an order ${SHARE_MAX_ROUNDS} times, and you have done so. You can still forward your own link.`,
      { status: 409, detail: { limit: SHARE_MAX_ROUNDS } },
    );
  const emailIds = emailIdList.parse(row.emailIds);
  await send(
    SEND_EMAIL_QUEUE_URL,
    emailIds.map((emailId) => ({ emailId })),
    { groupId: orderId },
  );
  const left = SHARE_MAX_ROUNDS - row.roundsBefore - (emailIds.length > 0 ? 1 : 0);
  // As many as were asked for: who wants no mails, or has one already, is nobody's to know.
  return { status: 202, body: { recipients: row.recipients, roundsLeft: left } };
});
