/** Email through SendGrid: the only file that imports its SDK. */
import { verify } from 'node:crypto';
import client from '@sendgrid/client';
import sendgrid from '@sendgrid/mail';
import { z } from 'zod';
import {
  clientError,
  internalError,
  permanentFailure,
  retryLater,
  type StepError,
} from '../platform/errors.ts';
import type { EmailEvent, EmailProvider, OutgoingEmail } from './email.ts';

export type SendGridOptions = {
  apiKey: string;
  /** Base64 DER, as SendGrid shows it; empty until the operator has switched signing on. */
  webhookPublicKey: string;
  apiUrl?: string;
  /** Told of a send that the key is refused for: it may have been replaced. */
  onDenied?: () => Promise<unknown>;
};

/** Well below the 60 s of the step: a hang is a doubt, and must be settled as one. */
const timeoutMs = 15_000;

/** Names with these are refused. */
const cleanName = (name: string) => name.replace(/[;,]/g, ' ');

function toRequest(email: OutgoingEmail) {
  const { from, to, cc, subject, html, text, attachments, emailId, attempt, unsubscribeUrl } = email;
  return {
    from,
    to: { email: to.email, ...(to.name ? { name: cleanName(to.name) } : {}) },
    ...(cc.length > 0 ? { cc } : {}),
    subject,
    html,
    text,
    customArgs: { email_id: emailId, attempt: String(attempt) },
    ...(unsubscribeUrl && {
      headers: {
        'List-Unsubscribe': `<${unsubscribeUrl}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      },
    }),
    trackingSettings: {
      clickTracking: { enable: false, enableText: false },
      openTracking: { enable: false },
    },
    attachments: attachments.map(({ filename, mimeType, bytes }) => ({
      filename,
      type: mimeType,
      content: bytes.toString('base64'),
      disposition: 'attachment',
    })),
  };
}

const failure = z.object({ code: z.union([z.number(), z.string()]).optional() });

/** Connections that never came to be have sent nothing; any other lost answer is a doubt. */
const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

/** What SendGrid says of the email itself; whatever else it refuses is about us. */
const aboutTheEmail = [400, 413];

/** Which of the four kinds a failed send is. */
export function toStepError(error: unknown): StepError {
  const code = failure.safeParse(error).data?.code;
  if (code === 429)
    return retryLater('email_throttled', 'The email provider asks for a pause.', { cause: error });
  if (typeof code === 'number' && code >= 500)
    return retryLater('email_unavailable', `The email provider answered ${code}.`, { cause: error });
  if (typeof code === 'number' && aboutTheEmail.includes(code))
    return permanentFailure('email_rejected', `The email provider answered ${code}.`, { cause: error });
  if (typeof code === 'number' && code >= 400) {
    const named =
      code === 401 ? 'email_unauthorised' : code === 403 ? 'email_sender_refused' : 'email_misused';
    return internalError(named, `The email provider answered ${code}.`, { cause: error });
  }
  if (typeof code === 'string' && neverConnected.has(code))
    return retryLater('email_unavailable', 'The email provider cannot be reached.', { cause: error });
  return retryLater('send_doubtful', 'The answer of the email provider was lost.', { cause: error });
}

/** As the database takes it; whatever else SendGrid sends is none of ours. */
const sentEvent = z
  .object({
    sg_event_id: z.string().regex(/^[!-~]{1,255}$/),
    event: z.string().regex(/^\w{1,100}$/),
    type: z.unknown().optional(),
    timestamp: z.int().nonnegative().max(99_999_999_999),
    email_id: z.string().optional(),
    attempt: z.coerce.number().int().positive().max(1000).optional().catch(undefined),
  })
  .transform(
    ({ sg_event_id, event, type, timestamp, email_id, attempt }): EmailEvent => ({
      id: sg_event_id,
      // SendGrid tells both as a bounce. What is blocked was refused by the recipient's server for
      // now, as for the sender's reputation, and SendGrid goes on sending to that address.
      type: event === 'bounce' && type === 'blocked' ? 'blocked' : event,
      emailId: email_id,
      attempt,
      at: timestamp,
    }),
  );

const badSignature = () =>
  clientError('signature_invalid', 'The signature of these events is missing, wrong or too old.');

/** SendGrid tries for 24 h; a replay within that changes nothing, because events are taken once. */
const oldestSeconds = 25 * 3600;
/** How far the two clocks may be apart. */
const latestSeconds = -300;

function isSigned(key: string, signed: Buffer, signature: string): boolean {
  try {
    const publicKey = { key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' } as const;
    return verify('sha256', signed, publicKey, Buffer.from(signature, 'base64'));
  } catch {
    // The key that an operator pasted is none.
    return false;
  }
}

function checkSignature(key: string, body: Buffer, signature = '', timestamp = ''): void {
  const age = Date.now() / 1000 - Number(timestamp);
  const isTimely = age >= latestSeconds && age <= oldestSeconds;
  if (!isTimely || !isSigned(key, Buffer.concat([Buffer.from(timestamp), body]), signature))
    throw badSignature();
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** An odd event is left out, so that it takes no other with it. */
function parseEvents(body: Buffer): { events: EmailEvent[]; odd: number } {
  const batch = z.array(z.unknown()).safeParse(readJson(body));
  if (!batch.success)
    throw clientError('malformed_events', 'The events are not in the shape that SendGrid sends.');
  const parsed = batch.data.map((each) => sentEvent.safeParse(each));
  const events = parsed.flatMap(({ data }) => (data ? [data] : []));
  return { events, odd: parsed.length - events.length };
}

export function createSendGridEmail(options: SendGridOptions): EmailProvider {
  const { apiKey, webhookPublicKey, apiUrl, onDenied } = options;
  client.setApiKey(apiKey);
  // After setApiKey, which sets it back.
  if (apiUrl) client.setDefaultRequest('baseUrl', apiUrl);
  sendgrid.setClient(client);
  sendgrid.setTimeout(timeoutMs);
  return {
    async send(email) {
      try {
        const [response] = await sendgrid.send(toRequest(email));
        return { messageId: String(response.headers['x-message-id'] ?? '') };
      } catch (error) {
        const failed = toStepError(error);
        if (failed.kind === 'internal') await onDenied?.();
        throw failed;
      }
    },
    verifyEvents(body, signature, timestamp) {
      checkSignature(webhookPublicKey, body, signature, timestamp);
      return parseEvents(body);
    },
  };
}
