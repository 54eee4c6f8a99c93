/** Starts the doubles of the three providers, or makes way for the real ones where the environment holds a real key. */
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import type { SystemSecrets } from './keys.ts';
import { createReplicate } from './providers/replicate/server.ts';
import { createSendGrid } from './providers/sendgrid/sendgrid.ts';
import { createStripe } from './providers/stripe/stripe.ts';
import type { Store } from './store.ts';
import type { Ports } from './system.ts';

type Options = { folder: string; ports?: Ports; restorationSeconds?: number };
type Ground = {
  store: Store;
  clock: Clock;
  secrets: SystemSecrets;
  log: (source: string, line: string) => void;
};

export type Providers = Awaited<ReturnType<typeof startProviders>>;

const hostOf = (url: string) => new URL(url).host;

/**
 * @param apiUrl of the product, where the webhooks go
 * @returns the variables that lead functions to the doubles, and what the providers' secrets hold
 */
export async function startProviders(
  options: Options,
  { store, clock, secrets, log }: Ground,
  apiUrl: string,
) {
  const { ports, folder, restorationSeconds } = options;
  const stripe = await createStripe({
    store,
    clock,
    port: ports?.stripe ?? 0,
    ...secrets.stripe,
    webhookUrl: `${apiUrl}/api/webhooks/stripe`,
    merchant: 'RestoreClick',
    log: (line) => log('stripe', line),
  });
  const replicate = await createReplicate({
    store,
    clock,
    port: ports?.replicate ?? 0,
    folder: join(folder, 'replicate'),
    ...secrets.replicate,
    log: (line) => log('replicate', line),
    ...(restorationSeconds === undefined ? {} : { seconds: restorationSeconds }),
  });
  const sendgrid = await createSendGrid({
    store,
    clock,
    port: ports?.mailbox ?? 0,
    ...secrets.sendgrid,
    eventUrl: `${apiUrl}/api/webhooks/sendgrid`,
  });
  return {
    doubles: { stripe, replicate, sendgrid },
    urls: { payments: stripe.url, restorations: replicate.url, mailbox: sendgrid.url },
    environment: {
      STRIPE_API_URL: stripe.url,
      REPLICATE_API_URL: `${replicate.url}/v1`,
      REPLICATE_OUTPUT_HOSTS: hostOf(replicate.url),
      SENDGRID_API_URL: sendgrid.url,
    },
    hosts: {
      [hostOf(stripe.url)]: 'stripe',
      [hostOf(replicate.url)]: 'replicate',
      [hostOf(sendgrid.url)]: 'sendgrid',
    },
    secrets: {
      STRIPE_SECRET_ARN: secrets.stripe,
      REPLICATE_SECRET_ARN: secrets.replicate,
      SENDGRID_SECRET_ARN: { ...secrets.sendgrid, webhookPublicKey: sendgrid.publicKey },
    },
    async stop() {
      await Promise.all([stripe.close(), replicate.close(), sendgrid.stop()]);
    },
  };
}
