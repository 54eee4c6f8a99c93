import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { OutgoingEmail } from '../../lambdas/providers/email.ts';
import { createSendGridEmail, toStepError } from '../../lambdas/providers/sendgrid.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const webhookPublicKey = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

let server: Server;
let status = 202;
let received: { personalizations?: unknown[]; from?: unknown; custom_args?: unknown } = {};
let apiUrl: string;
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received = JSON.parse(Buffer.concat(chunks).toString());
    response
      .writeHead(status, { 'x-message-id': 'm1', 'content-type': 'application/json' })
      .end('{"errors":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  apiUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const provider = () => createSendGridEmail({ apiKey: 'SG.unit', webhookPublicKey, apiUrl });
const email = (name?: string): OutgoingEmail => ({
  emailId: 'e1',
  attempt: 2,
  from: { email: 'shop@example.com', name: 'Shop' },
  to: { email: 'ada@example.com', ...(name ? { name } : {}) },
  cc: [],
  subject: 'Hello',
  html: '<p>Hello</p>',
  text: 'Hello',
  attachments: [],
});

describe('sending through SendGrid', () => {
  test('answers its message id, and carries ours', async () => {
    status = 202;
    expect(await provider().send(email('Ada'))).toEqual({ messageId: 'm1' });
    expect(received.personalizations).toMatchObject([{ to: [{ email: 'ada@example.com', name: 'Ada' }] }]);
    expect(JSON.stringify(received)).toContain('"email_id":"e1","attempt":"2"');
  });

  test('tells mail programs where to unsubscribe, by one click', async () => {
    status = 202;
    await provider().send({ ...email(), unsubscribeUrl: 'https://api.example/unsubscribe/t' });
    expect(received).toMatchObject({
      headers: {
        'List-Unsubscribe': '<https://api.example/unsubscribe/t>',
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      },
    });
  });

  test('takes commas and semicolons out of names, which SendGrid refuses', async () => {
    status = 202;
    await provider().send(email('Lovelace, Ada; Countess'));
    const [{ to } = { to: [] }] = (received.personalizations ?? []) as { to: { name?: string }[] }[];
    expect(to[0]?.name).toBe('Lovelace  Ada  Countess');
  });

  test.each([
    [400, 'permanent', 'email_rejected'],
    [401, 'internal', 'email_unauthorised'],
    [403, 'internal', 'email_sender_refused'],
    [404, 'internal', 'email_misused'],
    [413, 'permanent', 'email_rejected'],
    [429, 'retry', 'email_throttled'],
    [500, 'retry', 'email_unavailable'],
    [503, 'retry', 'email_unavailable'],
  ])('that is answered %d is %s: %s', async (answer, kind, code) => {
    status = answer;
    await expect(provider().send(email())).rejects.toMatchObject({ kind, code });
  });

  test.each([
    ['ECONNREFUSED', 'email_unavailable'],
    ['ENOTFOUND', 'email_unavailable'],
    ['ECONNRESET', 'send_doubtful'],
    ['ECONNABORTED', 'send_doubtful'],
    ['ETIMEDOUT', 'send_doubtful'],
  ])('that ends in %s is %s', (code, expected) => {
    expect(toStepError(Object.assign(new Error('x'), { code }))).toMatchObject({
      kind: 'retry',
      code: expected,
    });
  });

  test('whose answer says nothing is in doubt', () => {
    expect(toStepError(undefined)).toMatchObject({ code: 'send_doubtful' });
  });
});

describe('events of SendGrid', () => {
  const events = [
    { sg_event_id: 's1', event: 'delivered', timestamp: 1, email_id: 'e1', email: 'ada@example.com' },
  ];
  const body = Buffer.from(JSON.stringify(events));
  const now = () => String(Math.floor(Date.now() / 1000));
  const signatureOf = (timestamp: string, bytes = body) =>
    sign('sha256', Buffer.concat([Buffer.from(timestamp), bytes]), privateKey).toString('base64');
  const refused = expect.objectContaining({ kind: 'client', status: 400 });
  const attempt = (...args: Parameters<ReturnType<typeof provider>['verifyEvents']>) => {
    try {
      return provider().verifyEvents(...args);
    } catch (error) {
      return error;
    }
  };

  test('are read when their signature is right', () => {
    const timestamp = now();
    expect(attempt(body, signatureOf(timestamp), timestamp)).toEqual({
      events: [{ id: 's1', type: 'delivered', emailId: 'e1', at: 1 }],
      odd: 0,
    });
  });

  test('are refused when it is wrong, missing, old, of other bytes or of another time', () => {
    const timestamp = now();
    const old = String(Number(timestamp) - 26 * 3600);
    const ahead = String(Number(timestamp) + 360);
    const calls: Parameters<typeof attempt>[] = [
      [body, 'bm90IGl0', timestamp],
      [body, undefined, timestamp],
      [body, signatureOf(timestamp), undefined],
      [body, signatureOf(timestamp), 'yesterday'],
      [body, signatureOf(old), old],
      [body, signatureOf(ahead), ahead],
      [Buffer.concat([body, Buffer.from(' ')]), signatureOf(timestamp), timestamp],
      [body, signatureOf(timestamp), String(Number(timestamp) + 1)],
    ];
    expect(calls.map((call) => attempt(...call))).toEqual(calls.map(() => refused));
  });

  test('are refused while no key is there to verify them with', () => {
    const timestamp = now();
    for (const webhookPublicKey of ['', 'bm8ga2V5']) {
      const keyless = createSendGridEmail({ apiKey: 'SG.unit', webhookPublicKey, apiUrl });
      expect(() => keyless.verifyEvents(body, signatureOf(timestamp), timestamp)).toThrow(/signature/);
    }
  });

  test('tell a blocked email from a bounced one, and of which attempt they are', () => {
    const timestamp = now();
    const bounce = { ...events[0], event: 'bounce' };
    const sent = [
      { ...bounce, type: 'bounce', attempt: '1' },
      { ...bounce, type: 'blocked', attempt: '2' },
      { ...bounce, type: 7, attempt: 'first' },
      { ...events[0], type: 'blocked' },
    ];
    const bytes = Buffer.from(JSON.stringify(sent));
    expect(attempt(bytes, signatureOf(timestamp, bytes), timestamp)).toMatchObject({
      odd: 0,
      events: [
        { type: 'bounce', attempt: 1 },
        { type: 'blocked', attempt: 2 },
        { type: 'bounce', attempt: undefined },
        { type: 'delivered', attempt: undefined },
      ],
    });
  });

  test('that are odd take no other of their batch with them', () => {
    const timestamp = now();
    const [sound] = events;
    const odd = [
      { event: 'delivered' },
      { ...sound, sg_event_id: 'x'.repeat(256) },
      { ...sound, sg_event_id: 'nul\u0000' },
      { ...sound, timestamp: 1e300 },
      { ...sound, email_id: 7 },
      'bounce',
      null,
    ];
    const bytes = Buffer.from(JSON.stringify([odd[0], sound, ...odd.slice(1)]));
    expect(attempt(bytes, signatureOf(timestamp, bytes), timestamp)).toEqual({
      events: [{ id: 's1', type: 'delivered', emailId: 'e1', at: 1 }],
      odd: odd.length,
    });
  });

  test.each(['{}', 'not json'])('of another shape are the caller’s fault: %s', (text) => {
    const timestamp = now();
    const bytes = Buffer.from(text);
    expect(attempt(bytes, signatureOf(timestamp, bytes), timestamp)).toEqual(refused);
  });
});
