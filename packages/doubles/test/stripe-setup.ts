/** A shop for tests: the local Stripe, the real client, and a webhook that verifies. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Clock, createClock, createStore, type Store } from '@restoreclick/local-aws';
import { Stripe } from 'stripe';
import { createStripe, type StripeOptions } from '../stripe/index.ts';

export const apiKey = 'sk_test_local';
export const webhookSecret = 'whsec_local';

export type ShopOptions = { store?: Store; clock?: Clock; webhookUrl?: string } & Partial<StripeOptions>;

export async function openShop({
  store = createStore(),
  clock = createClock(),
  ...options
}: ShopOptions = {}) {
  const webhook = await openWebhook();
  const double = await createStripe({
    store,
    clock,
    port: 0,
    apiKey,
    webhookSecret,
    webhookUrl: webhook.url,
    ...options,
  });
  const stripe = clientOf(double.url);
  /** Posts a form as a program does, and does not follow where it leads. */
  const post = (path: string, fields: Record<string, string> = {}) =>
    fetch(new URL(path, double.url), {
      method: 'POST',
      body: new URLSearchParams(fields),
      redirect: 'manual',
    });
  const payOnPage = async (session: Stripe.Checkout.Session, outcome = 'pay', email = 'Ada@Example.org') =>
    post(`${session.url}/pay`, { outcome, email, name: 'Ada Lovelace' });
  return {
    ...{ double, stripe, webhook, clock, store, post, payOnPage },
    /** The checkout of two photos at $12.00, opened. */
    checkout: (changes: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
      stripe.checkout.sessions.create(twoPhotos(changes)),
    async close() {
      await double.close();
      await webhook.close();
      clock.stop();
    },
  };
}
export type Shop = Awaited<ReturnType<typeof openShop>>;

export function clientOf(url: string, key = apiKey): Stripe {
  const { hostname, port } = new URL(url);
  return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
}

export function twoPhotos(
  changes: Partial<Stripe.Checkout.SessionCreateParams> = {},
): Stripe.Checkout.SessionCreateParams {
  return {
    mode: 'payment',
    line_items: [
      {
        quantity: 2,
        price_data: { currency: 'usd', unit_amount: 1200, product_data: { name: 'Photo restoration' } },
      },
    ],
    metadata: { upload_session_id: 'u1' },
    payment_intent_data: { metadata: { upload_session_id: 'u1' } },
    success_url: 'https://shop.example/thanks?session={CHECKOUT_SESSION_ID}',
    cancel_url: 'https://shop.example/cart',
    ...changes,
  };
}

/** Answers `status`, and keeps the events whose signature is right. */
async function openWebhook() {
  const events: Stripe.Event[] = [];
  const answers = { status: 200 };
  let attempts = 0;
  const server = createServer(async (request, response) => {
    if (request.url !== '/webhook') {
      response.writeHead(200).end();
      return;
    }
    attempts += 1;
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return; // The double was closed while it spoke.
    const signature = String(request.headers['stripe-signature']);
    const event = Stripe.webhooks.constructEvent(body, signature, webhookSecret);
    if (answers.status < 300) events.push(event);
    response.writeHead(answers.status, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`,
    events,
    answers,
    attempts: () => attempts,
    types: () => events.map(({ type }) => type).sort(),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
