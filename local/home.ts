/** The page a person starts from: where everything is. The customer's site, while there is no other: Stripe sends payers back here. */
import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';

export type Home = {
  /** Without a slash at its end. */
  url: string;
  /** What to list, once all is up. */
  show(urls: Record<string, string>): void;
  stop(): Promise<void>;
};

const what: Record<string, string> = {
  api: 'the product’s API, for programs',
  payments: 'Stripe’s double: checkouts, refunds, disputes',
  restorations: 'Replicate’s double: before and after of every photo',
  mailbox: 'SendGrid’s double: every mail, as its reader sees it',
  aws: 'S3, SQS and the other services, for the AWS command line',
};

const page = (title: string, body: string) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
  body { font: 17px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1.2rem; color: #2b2622; background: #faf7f2 }
  h1 { font: 600 1.7rem/1.3 Georgia, serif } a { color: #8a4b1f } dt { margin-top: 1rem } dd { margin: 0; color: #6b625a }
</style>
<h1>${title}</h1>${body}</html>`;

export async function createHome({ port }: { port: number }): Promise<Home> {
  const server = fastify({ forceCloseConnections: true });
  let urls: Record<string, string> = {};
  const mailbox = () => `<p>The mails are in <a href="${urls.mailbox ?? ''}">the mailbox</a>.</p>`;

  server.get('/', (_request, reply) => {
    const rows = Object.entries(urls).map(
      ([name, url]) => `<dt><a href="${url}">${url}</a></dt><dd>${what[name] ?? name}</dd>`,
    );
    return reply.type('text/html').send(page('RestoreClick on this machine', `<dl>${rows.join('')}</dl>`));
  });
  server.get('/order', (_request, reply) =>
    reply
      .type('text/html')
      .send(
        page('Thank you, your payment has arrived', `<p>Your photos are being restored.</p>${mailbox()}`),
      ),
  );
  server.get('/orders/:order', (_request, reply) =>
    reply
      .type('text/html')
      .send(
        page(
          'Your order',
          `<p>Its state and its downloads come through the API, with the key in this address.</p>${mailbox()}`,
        ),
      ),
  );
  server.get('/checkout', (_request, reply) =>
    reply
      .type('text/html')
      .send(
        page(
          'Nothing was paid',
          '<p>Your photos are kept for a day; ask for a new checkout when you are ready.</p>',
        ),
      ),
  );
  await server.listen({ host: '127.0.0.1', port });
  return {
    url: `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    show: (shown) => {
      urls = shown;
    },
    stop: () => server.close(),
  };
}
