/** The event webhook: what becomes of each mail, in signed batches until they are taken. */
import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import type { Clock, Collection, Store, Timer } from '@restoreclick/local-aws';
import type { Mail } from './mail.ts';

/** An event on the wire; custom args lie beside its own members. */
export type MailEvent = {
  email: string;
  /** Seconds since 1970. */
  timestamp: number;
  event: 'processed' | 'delivered' | 'bounce' | 'dropped';
  sg_event_id: string;
  sg_message_id: string;
  'smtp-id'?: string;
} & Record<string, string | number>;

type Pending = { event: MailEvent; happenedAt: number; dueAt: number; attempts: number };
type Keys = { publicKey: string; privateKey: string };

export type EventWebhook = {
  /** Base64 DER, as SendGrid's settings page shows it. */
  publicKey: string;
  /** Takes note of what becomes of a mail, to be told in due time. */
  announce(mail: Mail): Promise<void>;
  /** Resolves when every event has been taken, or given up after 24 h. */
  idle(): Promise<void>;
  /** Resolves once nothing is being sent; what is left is told after the next start. */
  stop(): Promise<void>;
};

const deliveryMs = 1000;
/** Events wait for the next full second of this length, so that they travel together. */
const batchMs = 1000;
const batchSize = 500;
const longestBackoffMs = 30 * 60_000;
const giveUpMs = 24 * 3_600_000;

type Options = {
  store: Store;
  clock: Clock;
  /** Of the receiver. */
  url: string;
  /** Called when an event happens, whether or not the receiver hears of it. */
  happened(event: MailEvent): Promise<void>;
};

export async function createEventWebhook({ store, clock, url, happened }: Options): Promise<EventWebhook> {
  const pending = await store.collection<Pending>('sendgrid/events');
  const keys = await keyPair(store);
  const post = poster(url, keys.privateKey, clock);
  const waiting = new Set<() => void>();
  let timer: Timer | undefined;
  let sending: Promise<void> | undefined;
  let stopped = false;

  async function sendDue() {
    const due = pending
      .entries()
      .filter(([, { dueAt }]) => dueAt <= clock.now())
      .slice(0, batchSize);
    if (due.length === 0) return;
    await Promise.all(due.map(([, { event, attempts }]) => attempts === 0 && happened(event)));
    const taken = await post(due.map(([, { event }]) => event));
    await Promise.all(due.map(([id, entry]) => settle(pending, id, entry, taken, clock.now())));
  }

  function schedule() {
    timer?.cancel();
    if (stopped || sending) return;
    const left = pending.entries();
    if (left.length === 0) {
      for (const resolve of waiting) resolve();
      return waiting.clear();
    }
    const next = Math.min(...left.map(([, { dueAt }]) => dueAt));
    timer = clock.after(Math.max(0, next - clock.now()), () => {
      sending = sendDue().finally(() => {
        sending = undefined;
        schedule();
      });
    });
  }

  schedule();
  return {
    publicKey: keys.publicKey,
    async announce(mail) {
      await Promise.all(pendingOf(mail).map((entry) => pending.put(entry.event.sg_event_id, entry)));
      schedule();
    },
    idle: () =>
      new Promise((resolve) => {
        waiting.add(resolve);
        schedule();
      }),
    async stop() {
      stopped = true;
      timer?.cancel();
      await sending;
    },
  };
}

/** Takes an event off the list, or puts it back for later. */
async function settle(pending: Collection<Pending>, id: string, entry: Pending, taken: boolean, now: number) {
  if (taken || now - entry.happenedAt >= giveUpMs) return pending.delete(id);
  const attempts = entry.attempts + 1;
  const backoff = Math.min(1000 * 2 ** attempts, longestBackoffMs);
  await pending.put(id, { ...entry, attempts, dueAt: now + backoff });
}

/** Posts a signed batch; tells whether it was taken. */
function poster(url: string, privateKey: string, clock: Clock) {
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  return async (events: MailEvent[]): Promise<boolean> => {
    const body = JSON.stringify(events);
    // By the local clock, by which the functions judge the signature's age.
    const timestamp = String(Math.floor(clock.now() / 1000));
    const signature = sign('sha256', Buffer.from(timestamp + body), key).toString('base64');
    const headers = {
      'content-type': 'application/json;charset=utf-8',
      'user-agent': 'SendGrid Event API',
      'x-twilio-email-event-webhook-timestamp': timestamp,
      'x-twilio-email-event-webhook-signature': signature,
    };
    const signal = AbortSignal.timeout(10_000);
    const asked = { method: 'POST', headers, body, signal, redirect: 'manual' } as const;
    const answer = await fetch(url, asked).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok ?? false;
  };
}

/** A bounce by its name, and none: the address is not suppressed, and the next mail is tried. */
const blocked = {
  type: 'blocked',
  status: '4.7.0',
  bounce_classification: 'Reputation',
  reason: '421 4.7.0 Messages from this address are temporarily deferred.',
};

/** `bounce.example` bounces, `block.example` refuses for now, `drop.example` is not even tried. */
function fate(email: string): { event: MailEvent['event']; details: Record<string, string> }[] {
  const domain = email.toLowerCase().split('@').at(-1);
  if (domain === 'drop.example')
    return [{ event: 'dropped', details: { reason: 'Bounced Address', status: '5.0.0' } }];
  const processed = { event: 'processed', details: {} } as const;
  if (domain === 'block.example') return [processed, { event: 'bounce', details: blocked }];
  if (domain !== 'bounce.example')
    return [processed, { event: 'delivered', details: { response: '250 2.0.0 OK' } }];
  const reason = '550 5.1.1 The email account that you tried to reach does not exist.';
  const details = { type: 'bounce', status: '5.1.1', bounce_classification: 'Invalid Address', reason };
  return [processed, { event: 'bounce', details }];
}

function pendingOf(mail: Mail): Pending[] {
  return [...mail.to, ...mail.cc, ...mail.bcc].flatMap(({ email }) =>
    fate(email).map(({ event, details }, step) => {
      const happenedAt = mail.receivedAt + step * deliveryMs;
      return {
        happenedAt,
        dueAt: Math.ceil(happenedAt / batchMs) * batchMs,
        attempts: 0,
        event: {
          ...mail.customArgs,
          ...details,
          email,
          event,
          timestamp: Math.floor(happenedAt / 1000),
          sg_event_id: randomUUID(),
          sg_message_id: mail.id,
          'smtp-id': `<${mail.requestId}@local>`,
        },
      };
    }),
  );
}

/** Made once and kept, so that the receiver's settings stay right over a restart. */
async function keyPair(store: Store): Promise<Keys> {
  const kept = await store.collection<Keys>('sendgrid/keys');
  const known = kept.get('event-webhook');
  if (known) return known;
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const keys = {
    publicKey: pair.publicKey.toString('base64'),
    privateKey: pair.privateKey.toString('base64'),
  };
  await kept.put('event-webhook', keys);
  return keys;
}
