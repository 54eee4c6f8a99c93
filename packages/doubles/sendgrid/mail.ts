/** A request to send mail, checked as SendGrid checks it, and the mails that come of it. */
import { z } from 'zod';

export type Address = { email: string; name?: string | undefined };

/** A mail as it lies in the mailbox: one per personalization of its request. */
export type Mail = {
  id: string;
  /** What the request was answered with, as `X-Message-Id`. */
  requestId: string;
  /** ms by the clock. */
  receivedAt: number;
  from: Address;
  to: Address[];
  cc: Address[];
  bcc: Address[];
  subject: string;
  html?: string;
  text?: string;
  customArgs: Record<string, string>;
  /** Those that its sender gave, such as `List-Unsubscribe`. */
  headers: Record<string, string>;
  attachments: AttachmentHead[];
  /** What became of it, newest last: `delivered to a@b.example`. */
  history: { at: number; event: string; email: string; reason?: string }[];
};

export type AttachmentHead = { filename: string; type: string; bytes: number };

/** One entry of SendGrid's error body. */
export type Complaint = { message: string; field: string | null; help: string | null };

const help = 'http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message';

const address = (who: string) =>
  z.object(
    {
      // As browsers take it: zod's own pattern refuses `&`.
      email: z.email({ pattern: z.regexes.html5Email, error: 'Does not contain a valid address.' }),
      name: z
        .string()
        .regex(/^[^;,]*$/, { error: `The ${who} name may not contain semicolons or commas.` })
        .optional(),
    },
    {
      error: `The ${who} object must at least have an email address and may also contain a name, e.g. {"email": "example@example.com"} or {"email": "example@example.com", "name": "Example Recipient"}.`,
    },
  );

const customArgs = z
  .record(z.string(), z.string({ error: 'The custom argument value must be a string.' }))
  .refine((args) => Buffer.byteLength(JSON.stringify(args)) <= 10_000, {
    error: 'Custom arguments may not exceed 10,000 bytes.',
  })
  .default({});

const recipients = (who: string) => z.array(address(who));

const personalization = z
  .object({
    to: recipients('to').min(1, {
      error:
        'The to array is required for all personalization objects, and must have at least one email object with a valid email address.',
    }),
    cc: recipients('cc').default([]),
    bcc: recipients('bcc').default([]),
    subject: z.string().min(1).optional(),
    custom_args: customArgs,
  })
  .superRefine(({ to, cc, bcc }, context) => {
    const emails = [...to, ...cc, ...bcc].map(({ email }) => email.toLowerCase());
    const twice = emails.find((email, i) => emails.indexOf(email) < i);
    if (twice) {
      context.addIssue(
        `Each email address in the personalization block should be unique between to, cc, and bcc. We found the first duplicate instance of [${twice}].`,
      );
    }
  });

const content = z.object({
  type: z.string().regex(/^[^;\s]+\/[^;\s]+/, {
    error: 'The content type must be a string at least one character in length.',
  }),
  value: z.string().min(1, { error: 'The content value must be a string at least one character in length.' }),
});

/** Not one pattern for the whole: a repeated group overflows the stack from 3.4 MB on. */
const isBase64 = (text: string) =>
  text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.replace(/={1,2}$/, ''));

const attachment = z.object({
  content: z
    .string()
    .min(1, { error: 'The attachment content must be a string at least one character in length.' })
    .refine(isBase64, { error: 'The attachment content must be base64 encoded.' }),
  filename: z.string().regex(/^[^\r\n]+$/, {
    error:
      'The attachment filename must be a string at least one character in length and cannot contain CRLF characters.',
  }),
  type: z
    .string()
    .regex(/^[^;,\r\n]+$/)
    .default('application/octet-stream'),
});

/** What the double cannot do is refused by name, rather than left out of the mail. */
const absent = z.never({ error: 'The local SendGrid does not know this field.' }).optional();

const request = z
  .object({
    from: address('from'),
    personalizations: z
      .array(personalization, {
        error: 'The personalizations field is required and must have at least one personalization.',
      })
      .min(1, { error: 'You must have at least one personalization.' })
      .max(1000, { error: 'The personalization block is limited to 1000 personalizations per API request.' }),
    subject: z.string().min(1).optional(),
    content: z
      .array(content, {
        error:
          'Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block. We typically suggest both text/plain and text/html blocks are included, but only one block is required.',
      })
      .min(1, { error: 'There must be at least one defined content block.' }),
    attachments: z.array(attachment).default([]),
    custom_args: customArgs,
    headers: z.record(z.string(), z.string()).default({}),
    template_id: absent,
    send_at: absent,
    batch_id: absent,
  })
  .superRefine(({ subject, personalizations, content: blocks }, context) => {
    if (!subject && personalizations.some((each) => !each.subject)) {
      context.addIssue({
        code: 'custom',
        path: ['subject'],
        message:
          'The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined.',
      });
    }
    const plain = blocks.findIndex(({ type }) => type === 'text/plain');
    if (plain > 0) {
      context.addIssue({
        code: 'custom',
        path: ['content', plain, 'type'],
        message:
          'If present, text/plain must be first, followed by text/html, followed by any other content.',
      });
    }
    const all = personalizations.flatMap(({ to, cc, bcc }) => [...to, ...cc, ...bcc]);
    if (all.length > 1000) {
      context.addIssue({
        code: 'custom',
        path: ['personalizations'],
        message: 'There is a limit of 1000 total recipients (to + cc + bcc) per request.',
      });
    }
  });

export type MailRequest = z.infer<typeof request>;

/** The request, or what SendGrid would say against it. */
export function readRequest(body: unknown): { request: MailRequest } | { complaints: Complaint[] } {
  const result = request.safeParse(body);
  if (result.success) return { request: result.data };
  return {
    complaints: result.error.issues.map(({ message, path }) => ({
      message,
      field: path.join('.') || null,
      help: path.length > 0 ? `${help}.${path.filter((part) => typeof part === 'string').join('.')}` : null,
    })),
  };
}

/** The mails of a request, one a personalization. */
export function mailsOf(asked: MailRequest, requestId: string, receivedAt: number): Mail[] {
  const bodyOf = (type: string) => asked.content.find((block) => block.type === type)?.value;
  const [html, text] = [bodyOf('text/html'), bodyOf('text/plain')];
  return asked.personalizations.map(({ to, cc, bcc, subject, custom_args }, index) => ({
    id: `${requestId}.recvd-local-${index}`,
    requestId,
    receivedAt,
    from: asked.from,
    to,
    cc,
    bcc,
    subject: subject ?? asked.subject ?? '',
    ...(html !== undefined && { html }),
    ...(text !== undefined && { text }),
    customArgs: { ...asked.custom_args, ...custom_args },
    headers: asked.headers,
    attachments: asked.attachments.map(({ filename, type, content: encoded }) => ({
      filename,
      type,
      bytes: Buffer.from(encoded, 'base64').length,
    })),
    history: [],
  }));
}
