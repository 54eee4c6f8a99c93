/** SendGrid's double, through the real client; its webhooks verified by SendGrid's library. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Clock, createClock, createStore, type Store } from '@restoreclick/local-aws';
import client from '@sendgrid/client';
import { EventWebhook, EventWebhookHeader } from '@sendgrid/eventwebhook';
import type { MailDataRequired } from '@sendgrid/helpers/classes/mail';
import mailer from '@sendgrid/mail';
import { createSendGrid, type SendGrid } from '../sendgrid/index.ts';

type Delivery = { at: number; headers: IncomingHttpHeaders; body: string };
type Event = Record<string, unknown>;

const start = 1_800_000_000_000;

let clock: Clock;
let store: Store;
let sendgrid: SendGrid;
let receiver: Server;
let deliveries: Delivery[];
/** What the receiver answers next; 200 once this is empty. */
let answers: number[];

beforeEach(async () => {
  clock = createClock({ start });
  store = createStore();
  deliveries = [];
  answers = [];
  receiver = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return; // The double was stopped while it spoke.
    deliveries.push({ at: clock.now(), headers: request.headers, body });
    response.writeHead(answers.shift() ?? 200, { connection: 'close' }).end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  await open();
});

afterEach(async () => {
  clock.stop();
  await sendgrid.stop();
  await new Promise((resolve) => receiver.close(resolve));
});

async function open() {
  const eventUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/api/webhooks/sendgrid`;
  sendgrid = await createSendGrid({ store, clock, port: 0, apiKey: 'SG.right', eventUrl });
}

/** Starts again with a clock that stands still, but leaps to whatever is waited for. */
async function leapTime() {
  await sendgrid.stop();
  const still = createClock({ start, speed: 0 });
  clock = {
    ...still,
    after(ms, action) {
      const at = still.now() + ms;
      const timer = still.after(ms, action);
      const leap = setImmediate(() => still.advance(Math.max(0, at - still.now())));
      return {
        cancel() {
          clearImmediate(leap);
          timer.cancel();
        },
      };
    },
  };
  await open();
}

function mailService(apiKey = 'SG.right') {
  client.setApiKey(apiKey);
  // After setApiKey, which sets it back.
  client.setDefaultRequest('baseUrl', sendgrid.url);
  mailer.setClient(client);
  return mailer;
}

const mail = (more: Partial<MailDataRequired> = {}): MailDataRequired => ({
  from: { email: 'shop@restoreclick.example', name: 'RestoreClick' },
  to: { email: 'ann@example.com', name: 'Ann' },
  subject: 'Your photos',
  text: 'Hello Ann',
  html: '<p>Hello Ann</p>',
  customArgs: { email_id: 'e-1' },
  ...more,
});

async function send(more: Partial<MailDataRequired> = {}) {
  const [response] = await mailService().send(mail(more));
  return response;
}

const events = () => deliveries.flatMap(({ body }) => JSON.parse(body) as Event[]);

async function get(path: string) {
  const response = await fetch(sendgrid.url + path);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

async function messages(query = ''): Promise<Event[]> {
  return JSON.parse((await get(`/api/messages${query}`)).body).messages;
}

/** Moves the clock over delivery and batching until nothing is left to tell. */
async function tellAll() {
  clock.advance(2000);
  const idle = sendgrid.idle();
  clock.advance(2000);
  await idle;
}

describe('sending', () => {
  test('a mail is accepted with its id and kept whole', async () => {
    const response = await send({
      cc: 'bob@example.com',
      attachments: [
        { filename: 'Grüße.jpg', type: 'image/jpeg', content: Buffer.from('picture').toString('base64') },
      ],
    });
    expect(response.statusCode).toBe(202);
    const [head] = await messages();
    expect(head).toMatchObject({ requestId: response.headers['x-message-id'], subject: 'Your photos' });
    expect(JSON.parse((await get(`/api/messages/${head?.id}`)).body)).toMatchObject({
      from: { email: 'shop@restoreclick.example', name: 'RestoreClick' },
      to: [{ email: 'ann@example.com', name: 'Ann' }],
      cc: [{ email: 'bob@example.com' }],
      html: '<p>Hello Ann</p>',
      text: 'Hello Ann',
      customArgs: { email_id: 'e-1' },
      attachments: [{ filename: 'Grüße.jpg', type: 'image/jpeg', bytes: 7 }],
    });
    const file = await get(`/messages/${head?.id}/attachments/0`);
    expect(file.body).toBe('picture');
    expect(file.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''Gr%C3%BC%C3%9Fe.jpg");
  });

  test('each personalization is a mail of its own', async () => {
    await mailService().send({
      ...mail(),
      personalizations: [
        { to: 'ann@example.com', customArgs: { round: '1' } },
        { to: 'bob@example.com', subject: 'For Bob' },
      ],
    });
    expect(await messages()).toMatchObject([
      { to: [{ email: 'bob@example.com' }], subject: 'For Bob', customArgs: { email_id: 'e-1' } },
      {
        to: [{ email: 'ann@example.com' }],
        subject: 'Your photos',
        customArgs: { email_id: 'e-1', round: '1' },
      },
    ]);
  });

  test('a wrong key is refused', async () => {
    await expect(mailService('SG.wrong').send(mail())).rejects.toMatchObject({
      code: 401,
      response: {
        body: {
          errors: [
            { message: 'The provided authorization grant is invalid, expired, or revoked', field: null },
          ],
        },
      },
    });
  });

  const valid = {
    from: { email: 'shop@restoreclick.example' },
    personalizations: [{ to: [{ email: 'ann@example.com' }] }],
    subject: 'Your photos',
    content: [{ type: 'text/plain', value: 'Hello' }],
  };
  test.each<[string, object, string]>([
    ['no sender', { from: undefined }, 'from'],
    ['no recipient', { personalizations: [{ to: [] }] }, 'personalizations.0.to'],
    ['no personalization', { personalizations: [] }, 'personalizations'],
    [
      'a recipient that is no address',
      { personalizations: [{ to: [{ email: 'ann' }] }] },
      'personalizations.0.to.0.email',
    ],
    [
      'a name with a semicolon',
      { personalizations: [{ to: [{ email: 'a@example.com', name: 'A; B' }] }] },
      'personalizations.0.to.0.name',
    ],
    [
      'the same recipient twice',
      { personalizations: [{ to: [{ email: 'a@example.com' }], cc: [{ email: 'A@example.com' }] }] },
      'personalizations.0',
    ],
    ['no subject', { subject: undefined }, 'subject'],
    ['no content', { content: undefined }, 'content'],
    ['empty content', { content: [{ type: 'text/plain', value: '' }] }, 'content.0.value'],
    [
      'plain text after HTML',
      {
        content: [
          { type: 'text/html', value: '<p>' },
          { type: 'text/plain', value: 'a' },
        ],
      },
      'content.1.type',
    ],
    [
      'an attachment that is not base64',
      { attachments: [{ content: '%%', filename: 'a' }] },
      'attachments.0.content',
    ],
    ['custom args over 10,000 bytes', { custom_args: { a: 'x'.repeat(10_000) } }, 'custom_args'],
    ['a template, which it has not', { template_id: 'd-1' }, 'template_id'],
  ])('%s is refused, naming the field', async (_, change, field) => {
    const response = await post(JSON.stringify({ ...valid, ...change }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ field, message: expect.any(String) }] });
    expect(await messages()).toEqual([]);
  });

  const post = (body: string) =>
    fetch(`${sendgrid.url}/v3/mail/send`, {
      method: 'POST',
      headers: { authorization: 'Bearer SG.right', 'content-type': 'application/json' },
      body,
    });

  const many = (count: number) => [
    { to: Array.from({ length: count }, (_, i) => ({ email: `ann${i}@example.com` })) },
  ];
  const attached = (bytes: number) => [
    { content: Buffer.alloc(bytes, 'photo').toString('base64'), filename: 'photo.png', type: 'image/png' },
  ];
  test.each<[string, object]>([
    ['1,000 recipients', { personalizations: many(1000) }],
    [
      '1,000 personalizations',
      { personalizations: many(1000).flatMap(({ to }) => to.map((one) => ({ to: [one] }))) },
    ],
    ['10,000 bytes of custom args', { custom_args: { a: 'x'.repeat(10_000 - '{"a":""}'.length) } }],
    ['an attachment of 3.4 MB', { attachments: attached(3_400_000) }],
    ['attachments up to 30 MB in all', { attachments: attached(23_500_000) }],
    ['an address that browsers take', { personalizations: [{ to: [{ email: "o'neil+a&b@example.com" }] }] }],
  ])('%s are accepted', async (_, change) => {
    const response = await post(JSON.stringify({ ...valid, ...change }));
    expect([response.status, await response.text()]).toEqual([202, '']);
  });

  test.each<[string, object, string]>([
    ['recipient', { personalizations: many(1001) }, 'personalizations'],
    [
      'personalization',
      { personalizations: many(1001).flatMap(({ to }) => to.map((one) => ({ to: [one] }))) },
      'personalizations',
    ],
  ])('one %s more than 1,000 is refused', async (_, change, field) => {
    const response = await post(JSON.stringify({ ...valid, ...change }));
    expect([response.status, await response.json()]).toMatchObject([400, { errors: [{ field }] }]);
  });

  test('what is no JSON is a bad request, and more than 30 MB is too much', async () => {
    expect((await post('{')).status).toBe(400);
    const big = { ...valid, content: [{ type: 'text/plain', value: 'x'.repeat(30 * 1024 * 1024) }] };
    const response = await post(JSON.stringify(big));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ errors: [{ field: null }] });
  });
});

describe('event webhooks', () => {
  test('what becomes of a mail is told in events that carry its custom args', async () => {
    const response = await send();
    await tellAll();
    expect(events()).toMatchObject([
      { event: 'processed', email: 'ann@example.com', email_id: 'e-1' },
      { event: 'delivered', email: 'ann@example.com', email_id: 'e-1', response: '250 2.0.0 OK' },
    ]);
    for (const { sg_message_id, timestamp } of events()) {
      expect(sg_message_id).toMatch(new RegExp(`^${response.headers['x-message-id']}\\.`));
      expect(timestamp).toBeGreaterThanOrEqual(1_800_000_000);
    }
    expect(new Set(events().map(({ sg_event_id }) => sg_event_id)).size).toBe(2);
  });

  test('they are signed, and the library of SendGrid verifies them with the published key', async () => {
    await send({ customArgs: { name: 'Grüße' } });
    await tellAll();
    const [delivery] = deliveries;
    const header = (name: string) => String(delivery?.headers[name.toLowerCase()]);
    const webhook = new EventWebhook();
    const key = webhook.convertPublicKeyToECDSA(sendgrid.publicKey);
    const signature = header(EventWebhookHeader.SIGNATURE());
    const timestamp = header(EventWebhookHeader.TIMESTAMP());
    expect(webhook.verifySignature(key, delivery?.body ?? '', signature, timestamp)).toBe(true);
    expect(webhook.verifySignature(key, `${delivery?.body} `, signature, timestamp)).toBe(false);
    // By the local clock, which is also the receiving function's.
    expect(Number(timestamp)).toBe(Math.floor((delivery?.at ?? 0) / 1000));
  });

  test('addresses at bounce.example bounce, and those at drop.example are not tried', async () => {
    await send({ to: 'gone@bounce.example' });
    await send({ to: 'gone@drop.example' });
    await tellAll();
    const told = events().map(({ email, event, reason }) => [email, event, Boolean(reason)]);
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        ['gone@bounce.example', 'processed', false],
        ['gone@bounce.example', 'bounce', true],
        ['gone@drop.example', 'dropped', true],
      ]),
    );
    expect((await messages()).map(({ history }) => (history as Event[]).at(-1)?.event)).toEqual([
      'dropped',
      'bounce',
    ]);
  });

  test('events of one second travel together', async () => {
    await Promise.all([send({ to: 'a@example.com' }), send({ to: 'b@example.com' })]);
    await tellAll();
    expect(events()).toHaveLength(4);
    expect(deliveries.length).toBeLessThan(4);
  });

  test('they come again, later each time, until the receiver takes them', async () => {
    await leapTime();
    answers = [500, 503, 429];
    await send({ to: 'gone@drop.example' });
    await sendgrid.idle();
    expect(deliveries).toHaveLength(4);
    expect(new Set(events().map(({ sg_event_id }) => sg_event_id)).size).toBe(1);
    const pauses = deliveries.slice(1).map(({ at }, i) => at - (deliveries[i]?.at ?? 0));
    expect(pauses).toEqual([2000, 4000, 8000]);
  });

  test('they are given up after 24 hours', async () => {
    await leapTime();
    answers = Array<number>(1000).fill(500);
    await send({ to: 'gone@drop.example' });
    await sendgrid.idle();
    // Ten pauses of 2, 4, … 1024 s are 34 minutes; then half an hour each.
    expect(deliveries).toHaveLength(1 + 10 + 47);
    expect((deliveries.at(-1)?.at ?? 0) - start).toBeGreaterThanOrEqual(24 * 3_600_000);
    expect((deliveries.at(-2)?.at ?? 0) - start).toBeLessThan(24 * 3_600_000);
  });

  test('mails, what is still to be told, and the key survive a restart', async () => {
    const key = sendgrid.publicKey;
    await send();
    await sendgrid.stop();
    await open();
    expect(sendgrid.publicKey).toBe(key);
    expect(await messages()).toHaveLength(1);
    await tellAll();
    expect(events().map(({ event }) => event)).toEqual(['processed', 'delivered']);
  });
});

describe('the mailbox', () => {
  test('it lists mails newest first, and by recipient for programs', async () => {
    await send({ subject: 'First' });
    await send({ subject: 'Second', to: 'bob@example.com' });
    const { body } = await get('/');
    expect(body.indexOf('Second')).toBeGreaterThan(-1);
    expect(body.indexOf('Second')).toBeLessThan(body.indexOf('First'));
    expect(await messages('?to=Bob@example.com')).toMatchObject([{ subject: 'Second' }]);
  });

  test('nothing that a mail says is taken as markup of the page', async () => {
    await send({
      subject: '<script>alert(1)</script>',
      to: { email: 'ann@example.com', name: '<b>Ann</b>' },
      text: '</pre><script>alert(2)</script>',
      customArgs: { '<i>': '<img>' },
    });
    const [head] = await messages();
    for (const path of ['/', `/messages/${head?.id}`]) {
      const { body, headers } = await get(path);
      expect(body).not.toMatch(/<script|<b>|<i>|<img/);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });

  test('the mail itself is shown in a sandbox, loads nothing, and opens its links outside', async () => {
    await send({
      html: '<html><head><title>x</title></head><body><a href="https://a.example">go</a></body></html>',
    });
    const [head] = await messages();
    expect((await get(`/messages/${head?.id}`)).body).toMatch(
      /<iframe [^>]*sandbox="allow-popups allow-popups-to-escape-sandbox"/,
    );
    const { body, headers } = await get(`/messages/${head?.id}/html`);
    expect(body).toContain('<head><base target="_blank"><title>');
    expect(headers.get('content-security-policy')).toMatch(/^sandbox allow-popups .*default-src 'none'/);
  });

  test('an unknown mail is not found', async () => {
    for (const path of ['/messages/x', '/messages/x/html', '/messages/x/attachments/0', '/api/messages/x']) {
      expect((await get(path)).status).toBe(404);
    }
  });
});
