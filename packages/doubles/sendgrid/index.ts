/** SendGrid's double: takes mail, keeps it in a mailbox, and tells by webhook what became of it. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Clock, Store } from '@restoreclick/local-aws';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { createEventWebhook, type MailEvent } from './events.ts';
import { type Complaint, type Mail, type MailRequest, mailsOf, readRequest } from './mail.ts';
import { type AttachmentContents, serveMailbox } from './mailbox.ts';

export type SendGrid = {
  /** Of the API and of the mailbox: `http://127.0.0.1:4570`, without a slash at its end. */
  url: string;
  /** With which the product verifies the event webhook: base64 DER, as SendGrid shows it. */
  publicKey: string;
  /** Resolves when the webhook has heard of every event. */
  idle(): Promise<void>;
  stop(): Promise<void>;
};

/** SendGrid's own limit for a whole request. */
const maxBytes = 30 * 1024 * 1024;

export type SendGridOptions = {
  store: Store;
  clock: Clock;
  /** 0 for a free one. */
  port: number;
  /** The one key that may send. */
  apiKey: string;
  /** The product's event webhook. */
  eventUrl: string;
};

export async function createSendGrid({
  store,
  clock,
  port,
  apiKey,
  eventUrl,
}: SendGridOptions): Promise<SendGrid> {
  const mails = await store.collection<Mail>('sendgrid/mails');
  const contents = await store.collection<AttachmentContents>('sendgrid/attachments');
  const webhook = await createEventWebhook({ store, clock, url: eventUrl, happened: note });

  async function note({ sg_message_id, email, event, timestamp, reason }: MailEvent) {
    const mail = mails.get(sg_message_id);
    if (!mail) return;
    const entry = {
      at: timestamp * 1000,
      event,
      email,
      ...(reason !== undefined && { reason: String(reason) }),
    };
    await mails.put(mail.id, { ...mail, history: [...mail.history, entry] });
  }

  async function keep(asked: MailRequest): Promise<string> {
    const requestId = randomBytes(16).toString('base64url');
    for (const mail of mailsOf(asked, requestId, clock.now())) {
      if (asked.attachments.length > 0) {
        await contents.put(
          mail.id,
          asked.attachments.map(({ content }) => content),
        );
      }
      await mails.put(mail.id, mail);
      await webhook.announce(mail);
    }
    return requestId;
  }

  const server = fastify({ bodyLimit: maxBytes, forceCloseConnections: true });
  serveErrors(server);
  serveMailbox(server, mails, contents);
  server.post('/v3/mail/send', async (request, reply) => {
    if (!isKey(request.headers.authorization, apiKey)) return refuse(reply, 401, unauthorized);
    const read = readRequest(request.body);
    if ('complaints' in read) return refuse(reply, 400, ...read.complaints);
    return reply
      .code(202)
      .header('x-message-id', await keep(read.request))
      .send();
  });
  await server.listen({ host: '127.0.0.1', port });
  return {
    url: `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    publicKey: webhook.publicKey,
    idle: webhook.idle,
    async stop() {
      await server.close();
      await webhook.stop();
    },
  };
}

const plain = (message: string): Complaint => ({ message, field: null, help: null });
const unauthorized = plain('The provided authorization grant is invalid, expired, or revoked');

const refuse = (reply: FastifyReply, status: number, ...errors: Complaint[]) =>
  reply.code(status).send({ errors });

function isKey(authorization: string | undefined, apiKey: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(authorization ?? ''), digest(`Bearer ${apiKey}`));
}

function serveErrors(server: FastifyInstance): void {
  const words: Record<number, string> = {
    400: 'Bad Request',
    413: 'The payload size exceeds the limit of 30 MB.',
    415: 'Content-Type should be application/json.',
  };
  server.setNotFoundHandler((_request, reply) => refuse(reply, 404, plain('not found')));
  server.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    return refuse(reply, status, plain(words[status] ?? error.message));
  });
}
