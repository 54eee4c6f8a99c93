/** Sends webhooks, signed as Replicate signs them. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Clock, Store } from '@restoreclick/local-aws';
import { type Prediction, present, type WebhookEvent } from './prediction.ts';

const attempts = 5;
const answerWithinMs = 10_000;

export type Webhooks = {
  /** `whsec_` and base64, the same after a restart. */
  secret: string;
  /** Sends it if the prediction asked for this event; tries again for a while, and never throws. */
  send(prediction: Prediction, event: WebhookEvent): void;
};

export async function createWebhooks(options: {
  store: Store;
  clock: Clock;
  url: () => string;
  log: (line: string) => void;
  signal: AbortSignal;
}): Promise<Webhooks> {
  const { store, clock, url, log, signal } = options;
  const secret = await keptSecret(store);
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');

  async function deliver(to: string, body: string) {
    const id = `msg_${randomUUID().replaceAll('-', '')}`;
    for (let attempt = 1; attempt <= attempts && !signal.aborted; attempt++) {
      const timestamp = String(Math.floor(clock.now() / 1000));
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      };
      const timely = AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]);
      const answer = await fetch(to, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: timely,
      }).catch((error: Error) => error);
      if (answer instanceof Response && answer.ok) return;
      const reason = answer instanceof Response ? `HTTP ${answer.status}` : answer.message;
      log(`Replicate: webhook ${id} to ${to} was not taken (${reason}), attempt ${attempt} of ${attempts}`);
      if (attempt < attempts) await clock.sleep(1000 * 4 ** attempt, signal);
    }
  }
  return {
    secret,
    send(prediction, event) {
      if (!prediction.webhook || !prediction.webhookEvents.includes(event)) return;
      void deliver(prediction.webhook, JSON.stringify(present(prediction, url())));
    },
  };
}

async function keptSecret(store: Store): Promise<string> {
  const secrets = await store.collection<string>('replicate.secrets');
  const kept = secrets.get('webhook');
  if (kept) return kept;
  const secret = `whsec_${randomBytes(24).toString('base64')}`;
  await secrets.put('webhook', secret);
  return secret;
}
