/** The three providers: their doubles, or the real ones for which the environment holds keys. */
import { join } from 'node:path';
import { createReplicate, createSendGrid, createStripe } from '@restoreclick/doubles';
import type { Clock, Store } from '@restoreclick/local-aws';
import type { SystemSecrets } from './keys.ts';
import type { Ports } from './ports.ts';

type Environment = Record<string, string | undefined>;
type Options = { folder: string; ports?: Ports; restorationSeconds?: number; environment?: Environment };
type Shared = {
  store: Store;
  clock: Clock;
  secrets: SystemSecrets;
  log: (source: string, line: string) => void;
};

/** A provider as the functions meet it. */
type Provider<Secret extends object> = {
  /** Where a person looks at what it did. */
  url: string;
  /** The variables that lead functions to it; none for the real one, which its client knows. */
  environment: Record<string, string>;
  /** Where a double listens. */
  host?: string;
  secret: Secret;
  stop(): Promise<void>;
};

export type Providers = Awaited<ReturnType<typeof startProviders>>;

/** What calls to the real ones are called in the list of outside calls. */
export const realHosts = {
  'api.stripe.com': 'stripe',
  'files.stripe.com': 'stripe',
  'api.replicate.com': 'replicate',
  'replicate.delivery': 'replicate',
  'api.sendgrid.com': 'sendgrid',
};

const hostOf = (url: string) => new URL(url).host;

const real = <Secret extends object>(url: string, secret: Secret): Provider<Secret> => ({
  url,
  environment: {},
  secret,
  stop: async () => {},
});

async function openStripe(
  { ports, environment = {} }: Options,
  { store, clock, secrets, log }: Shared,
  apiUrl: string,
): Promise<Provider<SystemSecrets['stripe']>> {
  const { STRIPE_API_KEY: apiKey, STRIPE_WEBHOOK_SECRET: webhookSecret } = environment;
  if (apiKey && webhookSecret) {
    if (/^[sr]k_live_/.test(apiKey))
      throw new Error('STRIPE_API_KEY is a live key, which charges real cards: set a test key, or none.');
    return real('https://dashboard.stripe.com/test/payments', { apiKey, webhookSecret });
  }
  const stripe = await createStripe({
    store,
    clock,
    port: ports?.stripe ?? 0,
    ...secrets.stripe,
    webhookUrl: `${apiUrl}/api/webhooks/stripe`,
    merchant: 'RestoreClick',
    log: (line) => log('stripe', line),
  });
  return {
    url: stripe.url,
    environment: { STRIPE_API_URL: stripe.url },
    host: hostOf(stripe.url),
    secret: secrets.stripe,
    stop: () => stripe.close(),
  };
}

/** The real one fetches nothing from this machine: the adapter then hands it the photo itself. */
async function openReplicate(
  { ports, folder, restorationSeconds, environment = {} }: Options,
  { store, clock, secrets, log }: Shared,
): Promise<Provider<SystemSecrets['replicate']>> {
  const { REPLICATE_API_TOKEN: apiToken } = environment;
  if (apiToken) return real('https://replicate.com/predictions', { apiToken });
  const replicate = await createReplicate({
    store,
    clock,
    port: ports?.replicate ?? 0,
    folder: join(folder, 'replicate'),
    ...secrets.replicate,
    log: (line) => log('replicate', line),
    ...(restorationSeconds === undefined ? {} : { seconds: restorationSeconds }),
  });
  const host = hostOf(replicate.url);
  return {
    url: replicate.url,
    environment: { REPLICATE_API_URL: `${replicate.url}/v1`, REPLICATE_OUTPUT_HOSTS: host },
    host,
    secret: secrets.replicate,
    stop: () => replicate.close(),
  };
}

async function openSendGrid(
  { ports, environment = {} }: Options,
  { store, clock, secrets }: Shared,
  apiUrl: string,
): Promise<Provider<{ apiKey: string; webhookPublicKey: string }>> {
  const { SENDGRID_API_KEY: apiKey, SENDGRID_WEBHOOK_PUBLIC_KEY: webhookPublicKey = '' } = environment;
  if (apiKey) return real('https://app.sendgrid.com/email_activity', { apiKey, webhookPublicKey });
  const sendgrid = await createSendGrid({
    store,
    clock,
    port: ports?.mailbox ?? 0,
    ...secrets.sendgrid,
    eventUrl: `${apiUrl}/api/webhooks/sendgrid`,
  });
  return {
    url: sendgrid.url,
    environment: { SENDGRID_API_URL: sendgrid.url },
    host: hostOf(sendgrid.url),
    secret: { ...secrets.sendgrid, webhookPublicKey: sendgrid.publicKey },
    stop: () => sendgrid.stop(),
  };
}

/**
 * @param apiUrl of the product, where the webhooks go
 * @returns the variables that lead functions to the doubles, and what the providers' secrets hold
 * @throws Error in a sentence, for a key that would cost real money
 */
export async function startProviders(options: Options, shared: Shared, apiUrl: string) {
  const stripe = await openStripe(options, shared, apiUrl);
  const replicate = await openReplicate(options, shared);
  const sendgrid = await openSendGrid(options, shared, apiUrl);
  const hosts = Object.entries({ stripe: stripe.host, replicate: replicate.host, sendgrid: sendgrid.host });
  return {
    urls: { payments: stripe.url, restorations: replicate.url, mailbox: sendgrid.url },
    environment: { ...stripe.environment, ...replicate.environment, ...sendgrid.environment },
    hosts: Object.fromEntries(hosts.flatMap(([name, host]) => (host === undefined ? [] : [[host, name]]))),
    secrets: {
      STRIPE_SECRET_ARN: stripe.secret,
      REPLICATE_SECRET_ARN: replicate.secret,
      SENDGRID_SECRET_ARN: sendgrid.secret,
    },
    async stop() {
      await Promise.all([stripe.stop(), replicate.stop(), sendgrid.stop()]);
    },
  };
}
