/** The page a person starts from; and the customer's site, to which Stripe sends payers back. */
import { fastify } from 'fastify';

export type Home = {
  /** Without a slash at its end. */
  url: string;
  /** What to list, once all is up. */
  show(urls: Record<string, string>): void;
  stop(): Promise<void>;
};

/** In the order in which a person may want them. */
const purposes = {
  home: 'this page and all the others',
  payments: 'Stripe: checkouts, refunds, disputes',
  restorations: 'Replicate: every photo before and after',
  mailbox: 'SendGrid: every mail, as its reader sees it',
  api: 'the product’s API, for programs',
  aws: 'S3, SQS and the other services, for the AWS command line',
};

/** What there is to look at, most interesting first. */
export const places = (urls: Record<string, string>) =>
  Object.entries(purposes).flatMap(([name, purpose]) => {
    const url = urls[name];
    return url === undefined ? [] : [{ name, url, purpose }];
  });

const page = (title: string, body: string) => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
  body { font: 17px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1.2rem; color: #2b2622; background: #faf7f2 }
  h1 { font: 600 1.7rem/1.3 Georgia, serif } a { color: #8a4b1f } dt { margin-top: 1rem } dd { margin: 0; color: #6b625a }
</style>
<h1>${title}</h1>${body}</html>`;

/** The customer's pages: title and text. */
const customersPages = {
  // Coming back from the payment page proves no payment: only its webhook does.
  '/order': [
    'Thank you for your order',
    'Your photos are restored as soon as the payment has arrived. The mails are in <a>the mailbox</a>.',
  ],
  '/orders/:order': [
    'Your order',
    `Its state and its downloads come through the API, with the key in this address.
     The mails are in <a>the mailbox</a>.`,
  ],
  '/checkout': [
    'Nothing was paid',
    'Your photos are kept for a day; ask for a new checkout when you are ready.',
  ],
} as const;

export async function createHome({ port }: { port: number }): Promise<Home> {
  const server = fastify({ forceCloseConnections: true });
  let urls: Record<string, string> = {};
  const serve = (path: string, title: string, body: () => string) =>
    server.get(path, (_request, reply) => reply.type('text/html').send(page(title, body())));

  serve('/', 'RestoreClick on this machine', () => {
    const rows = places(urls).map(({ name, url, purpose }) => {
      return `<dt><a href="${url}">${name}</a> <small>${url}</small></dt><dd>${purpose}</dd>`;
    });
    return `<dl>${rows.join('')}</dl>`;
  });
  for (const [path, [title, text]] of Object.entries(customersPages))
    serve(path, title, () => `<p>${text.replace('<a>', `<a href="${urls.mailbox ?? ''}">`)}</p>`);
  const url = await server.listen({ host: '127.0.0.1', port });
  return {
    url,
    show: (shown) => {
      urls = shown;
    },
    stop: () => server.close(),
  };
}
