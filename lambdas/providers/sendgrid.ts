/** Email through SendGrid: the only file that imports its SDK. */
import { verify } from 'node:crypto';
import client from '@sendgrid/client';
import sendgrid from '@sendgrid/mail';
import { z } from 'zod';
import { clientError, permanentFailure, retryLater, type StepError } from '../platform/errors.ts';
import type { EmailEvent, EmailProvider, OutgoingEmail } from './email.ts';

export type SendGridOptions = {
  apiKey: string;
  /** Base64 DER, as SendGrid shows it; empty until the operator has switched signing on. */
  webhookPublicKey: string;
  apiUrl?: string;
};

/** Well below the 60 s of the step: a hang is a doubt, and must be settled as one. */
const timeoutMs = 15_000;

/** Names with these are refused. */
const cleanName = (name: string) => name.replace(/[;,]/g, ' ');

function toRequest(email: OutgoingEmail) {
  const { from, to, cc, subject, html, text, attachments, emailId } = email;
  return {
    from,
    to: { email: to.email, ...(to.name ? { name: cleanName(to.name) } : {}) },
    ...(cc.length > 0 ? { cc } : {}),
    subject,
    html,
    text,
    customArgs: { email_id: emailId },
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

/** Which of the four kinds a failed send is. */
export function toStepError(error: unknown): StepError {
  const code = failure.safeParse(error).data?.code;
  if (code === 429)
    return retryLater('email_throttled', 'The email provider asks for a pause.', { cause: error });
  if (typeof code === 'number' && code >= 500)
    return retryLater('email_unavailable', `The email provider answered ${code}.`, { cause: error });
  if (typeof code === 'number' && code >= 400) {
    const named =
      code === 401 ? 'email_unauthorised' : code === 403 ? 'email_sender_refused' : 'email_rejected';
    return permanentFailure(named, `The email provider answered ${code}.`, { cause: error });
  }
  if (typeof code === 'string' && neverConnected.has(code))
    return retryLater('email_unavailable', 'The email provider cannot be reached.', { cause: error });
  return retryLater('send_doubtful', 'The answer of the email provider was lost.', { cause: error });
}

const eventList = z.array(
  z.object({
    sg_event_id: z.string(),
    event: z.string(),
    timestamp: z.number(),
    email_id: z.string().optional(),
  }),
);

const badSignature = () =>
  clientError('signature_invalid', 'The signature of these events is missing, wrong or too old.', {
    status: 400,
  });

/** SendGrid tries for 24 h; a replay within that changes nothing, because events are taken once. */
const oldestSeconds = 25 * 3600;

function checkSignature(key: string, body: Buffer, signature = '', timestamp = ''): void {
  const age = Date.now() / 1000 - Number(timestamp);
  if (!key || !signature || !(Math.abs(age) <= oldestSeconds)) throw badSignature();
  const publicKey = { key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' } as const;
  const signed = Buffer.concat([Buffer.from(timestamp), body]);
  if (!verify('sha256', signed, publicKey, Buffer.from(signature, 'base64'))) throw badSignature();
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function parseEvents(body: Buffer): EmailEvent[] {
  const parsed = eventList.safeParse(readJson(body));
  if (!parsed.success)
    throw clientError('malformed_events', 'The events are not in the shape that SendGrid sends.');
  return parsed.data.map(({ sg_event_id, event, timestamp, email_id }) => ({
    id: sg_event_id,
    type: event,
    emailId: email_id,
    at: timestamp,
  }));
}

export function createSendGridEmail({ apiKey, webhookPublicKey, apiUrl }: SendGridOptions): EmailProvider {
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
        throw toStepError(error);
      }
    },
    verifyEvents(body, signature, timestamp) {
      checkSignature(webhookPublicKey, body, signature, timestamp);
      return parseEvents(body);
    },
  };
}
