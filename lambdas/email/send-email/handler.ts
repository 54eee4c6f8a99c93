/** Sends one email: takes it, makes its links, renders it, hands it over, records the outcome. */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type EmailCode, emailCode } from '../../error-codes.ts';
import { query, queryOne } from '../../platform/database.ts';
import { internalError, StepError } from '../../platform/errors.ts';
import { log } from '../../platform/logging.ts';
import { queueHandler, send } from '../../platform/messages.ts';
import { count, settings } from '../../platform/settings.ts';
import { sendEmailMessage } from '../messages.ts';
import { emailProvider } from '../provider.ts';
import { claim } from './claim.sql';
import { compose } from './compose.ts';
import { settle } from './settle.sql';

const {
  SEND_EMAIL_QUEUE_URL,
  BUILD_ARCHIVE_QUEUE_URL,
  LEASE_SECONDS,
  LINK_EXPIRY_SECONDS,
  LINK_MAX_DOWNLOADS,
} = settings({
  SEND_EMAIL_QUEUE_URL: z.url(),
  BUILD_ARCHIVE_QUEUE_URL: z.url(),
  LEASE_SECONDS: count,
  LINK_EXPIRY_SECONDS: count,
  LINK_MAX_DOWNLOADS: count,
});

/** How long an event may take to settle a send whose answer was lost; then it is sent again. */
const doubtSeconds = 600;

type Result = {
  outcome: 'sent' | 'retry' | 'doubtful' | 'failed';
  messageId?: string;
  subject?: string;
  errorCode?: EmailCode;
  errorMessage?: string;
  /** Ours to mend: thrown once the result is written, so that the message comes again. */
  fault?: unknown;
};

/** What a failed attempt says of the email: only what the provider said of the email itself. */
function resultOf(error: unknown): Result {
  if (!(error instanceof StepError)) return { outcome: 'retry', errorCode: 'step_broken', fault: error };
  const told = { errorCode: emailCode(error.code), errorMessage: error.message };
  if (error.code === 'send_doubtful') return { outcome: 'doubtful', ...told };
  if (error.kind === 'permanent') return { outcome: 'failed', ...told };
  return { outcome: 'retry', ...told, ...(error.kind === 'retry' ? {} : { fault: error }) };
}

async function attemptToSend(
  emailId: string,
  seed: string,
  rows: Parameters<typeof compose>[2],
): Promise<Result> {
  try {
    const email = await compose(emailId, seed, rows);
    const { messageId } = await (await emailProvider()).send(email);
    return { outcome: 'sent', messageId, subject: email.subject };
  } catch (error) {
    return resultOf(error);
  }
}

async function settleAttempt(emailId: string, attempt: number, result: Result): Promise<void> {
  const { outcome, lookAgainSeconds } = await queryOne(settle, {
    emailId,
    attempt,
    doubtSeconds,
    outcome: result.outcome,
    messageId: result.messageId ?? null,
    subject: result.subject ?? null,
    errorCode: result.errorCode ?? null,
    errorMessage: result.errorMessage ?? null,
  });
  log.info('email settled', { emailId, attempt, outcome, code: result.errorCode });
  if (result.fault) throw result.fault;
  if (lookAgainSeconds) await send(SEND_EMAIL_QUEUE_URL, [{ emailId }], { delaySeconds: lookAgainSeconds });
}

export const handler = queueHandler(sendEmailMessage, async ({ emailId }) => {
  const seed = randomBytes(32).toString('hex');
  const rows = await query(claim, {
    emailId,
    seed,
    leaseSeconds: LEASE_SECONDS,
    linkSeconds: LINK_EXPIRY_SECONDS,
    maxDownloads: LINK_MAX_DOWNLOADS,
  });
  const [first] = rows;
  if (!first) throw internalError('unknown_email', `There is no email ${emailId} yet.`);
  const { outcome, attempt, archiveLinkId, waitSeconds, orderId } = first;
  if (outcome === 'ended') return;
  if (outcome === 'withheld') return log.info('email waits, its photos are withheld', { orderId, emailId });
  if (outcome === 'waiting') return send(SEND_EMAIL_QUEUE_URL, [{ emailId }], { delaySeconds: waitSeconds });
  if (outcome === 'exhausted')
    return settleAttempt(emailId, attempt, { outcome: 'failed', errorCode: 'attempts_exhausted' });
  if (first.unwanted)
    return settleAttempt(emailId, attempt, { outcome: 'failed', errorCode: 'recipient_unsubscribed' });
  if (archiveLinkId) await send(BUILD_ARCHIVE_QUEUE_URL, [{ linkId: archiveLinkId }], { groupId: orderId });
  await settleAttempt(emailId, attempt, await attemptToSend(emailId, seed, rows));
});
