/** The closed list of `error_code`: why a photo, job or email failed, and what an operator does. */
import { restorationCodes } from './providers/restoration-codes.ts';

/** What happened, in a sentence for people, and what an operator does about it. */
type Entry = { meaning: string; operator: string };

/** Why a sold photo could not be kept. */
const keepingCodes = {
  upload_missing: {
    meaning: 'The photo was sold, and its upload was gone when it was to be kept.',
    operator:
      'Ask the customer for the photo again, or refund it. If it happens twice, see why temporary uploads expire early.',
  },
  upload_changed: {
    meaning: 'The upload is no longer the very photo that was sold: another was posted in its place.',
    operator: 'Ask the customer which of the two is meant, or refund the photo.',
  },
} as const satisfies Record<string, Entry>;

/** Why a job was stopped, and its photo with it. */
const cancellationCodes = {
  order_refunded: {
    meaning: 'The order was refunded in full before this photo was restored.',
    operator: 'Nothing.',
  },
} as const satisfies Record<string, Entry>;

const emailCodes = {
  email_throttled: {
    meaning: 'The email provider asked us to slow down.',
    operator: 'Nothing. If it goes on, raise the account’s limit.',
  },
  email_unavailable: {
    meaning: 'The email provider did not answer, and surely sent nothing.',
    operator: 'Look at the provider’s status page; emails go on by themselves until their attempts are used.',
  },
  email_unauthorised: {
    meaning: 'The email provider refused our key, or the account has no credits left.',
    operator: 'Check the key’s secret and the account’s credits, then redrive send-email.',
  },
  email_sender_refused: {
    meaning: 'The email provider does not let us send from our address.',
    operator: 'Verify the sender’s identity at the provider, then redrive send-email.',
  },
  email_rejected: {
    meaning: 'The email provider cannot take this email as it is.',
    operator: 'Read the provider’s answer in the log of send-email; correct the address or the template.',
  },
  send_doubtful: {
    meaning: 'The email was handed over and the answer was lost: it may have been sent.',
    operator: 'Nothing. The provider’s event settles it, or the email is sent again after ten minutes.',
  },
  attempts_exhausted: {
    meaning: 'Every attempt at this email was used, and none is known to have been sent.',
    operator: 'Find the earlier failures in the audit trail, mend their cause, and allow more attempts.',
  },
  recipient_bounced: {
    meaning: 'The recipient’s mail server sent the email back.',
    operator: 'Reach the customer otherwise, and correct the address.',
  },
  recipient_blocked: {
    meaning: 'The recipient’s mail server refused the email for the time being.',
    operator:
      'Nothing: it is sent again after an hour. Once failed: read the reason at the provider, then reach the customer otherwise.',
  },
  recipient_dropped: {
    meaning: 'The email provider keeps the recipient on a list of addresses it does not send to.',
    operator: 'Remove the address from the suppression list if the customer asks for it; otherwise nothing.',
  },
  recipient_unsubscribed: {
    meaning: 'The recipient wants no emails that others send through us.',
    operator: 'Nothing.',
  },
} as const satisfies Record<string, Entry>;

const stepBroken = {
  step_broken: {
    meaning: 'A step failed in a way for which it has no word: a fault of the product.',
    operator:
      'Read the step’s log by the row’s id; correct and deploy it. What has failed for good stays failed.',
  },
} as const satisfies Record<string, Entry>;

/** The codes that each table's `error_code` may hold; the database checks the same lists. */
export const errorCodes = {
  images: { ...restorationCodes, ...stepBroken, ...keepingCodes, ...cancellationCodes },
  restoration_jobs: { ...restorationCodes, ...stepBroken, ...cancellationCodes },
  email_queue: { ...emailCodes, ...stepBroken },
} as const;

export type KeepingCode = keyof typeof keepingCodes;
export type AttemptCode = keyof typeof restorationCodes | 'step_broken';
export type EmailCode = keyof (typeof errorCodes)['email_queue'];

const isIn = <List extends object>(list: List, code: string): code is keyof List & string =>
  Object.hasOwn(list, code);

/** A code as a failed attempt may keep it: what nobody foresaw is `step_broken`. */
export const attemptCode = (code: string): AttemptCode =>
  isIn(restorationCodes, code) ? code : 'step_broken';

/** A code as an email may keep it: what nobody foresaw is `step_broken`. */
export const emailCode = (code: string): EmailCode => (isIn(emailCodes, code) ? code : 'step_broken');
