/** The mailbox's routes: pages for people, JSON for programs. */

import type { Collection } from '@restoreclick/local-aws';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Mail } from './mail.ts';
import { listPage, mailPage } from './pages.ts';

/** What is stored of a mail's files, in the order of its `attachments`: base64. */
export type AttachmentContents = string[];

type Params = { Params: { id: string; index?: string } };

/** Nothing of a page may load from elsewhere or run; the frame with the mail comes from here. */
const pagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'";
/** A mail may style itself, show pictures that it carries, and open its links in a new window. */
const mailPolicy =
  "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'";

const html = (reply: FastifyReply, body: string, policy = pagePolicy) =>
  reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', policy)
    .header('x-content-type-options', 'nosniff')
    .header('cache-control', 'no-store')
    .send(body);

/** Registers `GET /`, `/messages/…` and `/api/messages…` on the server. */
export function serveMailbox(
  server: FastifyInstance,
  mails: Collection<Mail>,
  contents: Collection<AttachmentContents>,
): void {
  const newestFirst = () =>
    mails
      .entries()
      .map(([, mail]) => mail)
      .reverse();

  server.get('/', (_request, reply) => html(reply, listPage(newestFirst())));
  server.get<Params>('/messages/:id', (request, reply) => {
    const mail = mails.get(request.params.id);
    return mail ? html(reply, mailPage(mail)) : reply.callNotFound();
  });
  server.get<Params>('/messages/:id/html', (request, reply) => {
    const body = mails.get(request.params.id)?.html;
    return body === undefined ? reply.callNotFound() : html(reply, withNewWindows(body), mailPolicy);
  });
  server.get<Params>('/messages/:id/attachments/:index', (request, reply) => {
    const index = Number(request.params.index);
    const head = mails.get(request.params.id)?.attachments[index];
    const content = contents.get(request.params.id)?.[index];
    if (!head || content === undefined) return reply.callNotFound();
    return reply
      .type('application/octet-stream')
      .header('x-content-type-options', 'nosniff')
      .header('content-disposition', `attachment; filename*=UTF-8''${rfc5987(head.filename)}`)
      .send(Buffer.from(content, 'base64'));
  });
  server.get<{ Querystring: { to?: string } }>('/api/messages', ({ query }) => {
    const wanted = query.to?.toLowerCase();
    const found = newestFirst().filter(
      ({ to, cc, bcc }) =>
        !wanted || [...to, ...cc, ...bcc].some(({ email }) => email.toLowerCase() === wanted),
    );
    return { messages: found.map(({ html: _html, text: _text, ...head }) => head) };
  });
  server.get<Params>(
    '/api/messages/:id',
    (request, reply) => mails.get(request.params.id) ?? reply.callNotFound(),
  );
}

/** Links leave the frame: within it there is nothing to go back with. */
function withNewWindows(body: string): string {
  const base = '<base target="_blank">';
  return /<head\b[^>]*>/i.test(body) ? body.replace(/<head\b[^>]*>/i, (head) => head + base) : base + body;
}

const rfc5987 = (name: string) =>
  encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
