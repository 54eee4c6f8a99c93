/** Brings events to the webhook, signed, until it answers 2xx, for three days at most. */
import { createHmac } from 'node:crypto';
import type { Clock, Timer } from '@restoreclick/local-aws';
import type { Ledger } from './ledger.ts';
import type { Delivery, Purchase } from './purchase.ts';

const minute = 60_000;
const hour = 60 * minute;
const givesUpAfter = 72 * hour;
/** Stripe publishes none; a webhook is expected to answer in seconds. On the wall's clock. */
const patience = 20_000;

/** How long after a failed attempt the next one follows: 1 minute, doubling up to 12 hours. */
export const backoff = (attempts: number) => Math.min(12 * hour, minute * 2 ** (attempts - 1));

/**
 * The header `Stripe-Signature`.
 * @param seconds by the local clock, by which the functions judge its age
 */
function sign(body: string, secret: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

export type Courier = {
  /** Brings that event again, delivered or not: Stripe too may bring one twice. */
  resend(eventId: string): void;
  stop(): void;
};

type CourierOptions = {
  ledger: Ledger;
  clock: Clock;
  webhookUrl: string;
  webhookSecret: string;
  log: (line: string) => void;
  /** Is told of every delivery under way. */
  track: (work: Promise<void>) => void;
};

export function startCourier(options: CourierOptions): Courier {
  const { ledger, clock, log, track } = options;
  const timers = new Map<string, Timer>();
  const underWay = new Set<string>();
  const stopping = new AbortController();
  const post = poster(options, stopping.signal);

  function arm({ deliveries }: Purchase) {
    for (const { event, nextAt } of deliveries) {
      if (nextAt === null || timers.has(event.id) || underWay.has(event.id)) continue;
      const wait = nextAt - clock.now();
      if (wait <= 0) setOut(event.id);
      else
        timers.set(
          event.id,
          clock.after(wait, () => setOut(event.id)),
        );
    }
  }
  function setOut(eventId: string) {
    timers.get(eventId)?.cancel();
    timers.delete(eventId);
    if (!underWay.has(eventId) && !stopping.signal.aborted) track(deliver(eventId));
  }
  async function deliver(eventId: string) {
    const delivery = find(eventId);
    if (!delivery) return;
    underWay.add(eventId);
    const answer = await post(delivery);
    underWay.delete(eventId);
    if (!stopping.signal.aborted) await note(eventId, answer);
  }
  async function note(eventId: string, answer: { ok: boolean; text: string }) {
    const purchase = ledger.find(eventId);
    const before = find(eventId);
    if (!purchase || !before) return;
    const after = answer.ok
      ? delivered(before, answer.text, clock.now())
      : failed(before, answer.text, clock.now());
    if (!answer.ok) log(`stripe: ${after.event.type} ${eventId} not delivered: ${answer.text}`);
    const deliveries = purchase.deliveries.map((one) => (one.event.id === eventId ? after : one));
    await ledger.save({ ...purchase, deliveries });
  }
  const find = (eventId: string) =>
    ledger.find(eventId)?.deliveries.find(({ event }) => event.id === eventId);

  ledger.onSaved(arm);
  for (const purchase of ledger.purchases()) arm(purchase);
  return {
    resend: setOut,
    stop() {
      stopping.abort();
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
  };
}

/** Posts an event, signed; tells what the webhook answered. */
function poster({ clock, webhookUrl, webhookSecret }: CourierOptions, stop: AbortSignal) {
  return async ({ event }: Delivery): Promise<{ ok: boolean; text: string }> => {
    const body = JSON.stringify(event, null, 2);
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'stripe-signature': sign(body, webhookSecret, Math.floor(clock.now() / 1000)),
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    };
    const signal = AbortSignal.any([stop, AbortSignal.timeout(patience)]);
    try {
      const response = await fetch(webhookUrl, { method: 'POST', headers, body, redirect: 'manual', signal });
      await response.body?.cancel();
      return { ok: response.ok, text: String(response.status) };
    } catch (error) {
      return { ok: false, text: error instanceof Error ? reasonOf(error) : String(error) };
    }
  };
}

function delivered(before: Delivery, text: string, now: number): Delivery {
  return {
    ...before,
    event: { ...before.event, pending_webhooks: 0 },
    attempts: before.attempts + 1,
    nextAt: null,
    deliveredAt: before.deliveredAt ?? now,
    lastAnswer: text,
  };
}

function failed(before: Delivery, text: string, now: number): Delivery {
  const attempts = before.attempts + 1;
  const next = now + backoff(attempts);
  const over = before.deliveredAt !== null || next > before.event.created * 1000 + givesUpAfter;
  return { ...before, attempts, nextAt: over ? null : next, lastAnswer: text };
}

const reasonOf = (error: Error) => (error.cause instanceof Error ? error.cause.message : error.message);
