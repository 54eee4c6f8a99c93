/** Which providers a local system has: doubles, or the real ones for which there are keys. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createClock, createStore } from '@restoreclick/local-aws';
import { systemSecrets } from '../../local/keys.ts';
import { startProviders } from '../../local/providers.ts';

async function providersWith(environment: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'providers-'));
  const store = createStore();
  const clock = createClock();
  const ground = { store, clock, secrets: await systemSecrets(store), log: () => {} };
  try {
    const started = await startProviders({ folder, environment }, ground, 'http://127.0.0.1:1');
    await started.stop();
    return started;
  } finally {
    clock.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

test('without keys there are three doubles, and the functions are led to them', async () => {
  const { environment, hosts } = await providersWith({});
  expect(Object.values(hosts).sort()).toEqual(['replicate', 'sendgrid', 'stripe']);
  expect(Object.keys(environment).sort()).toEqual([
    'REPLICATE_API_URL',
    'REPLICATE_OUTPUT_HOSTS',
    'SENDGRID_API_URL',
    'STRIPE_API_URL',
  ]);
});

test('a real provider takes its double’s place with its own secret, and nothing leads away from it', async () => {
  const { environment, hosts, secrets } = await providersWith({
    REPLICATE_API_TOKEN: 'r8_real',
    STRIPE_API_KEY: 'sk_test_real',
    STRIPE_WEBHOOK_SECRET: 'whsec_real',
    SENDGRID_API_KEY: 'SG.real',
  });
  expect({ environment, hosts }).toEqual({ environment: {}, hosts: {} });
  expect(secrets).toEqual({
    REPLICATE_SECRET_ARN: { apiToken: 'r8_real' },
    STRIPE_SECRET_ARN: { apiKey: 'sk_test_real', webhookSecret: 'whsec_real' },
    SENDGRID_SECRET_ARN: { apiKey: 'SG.real', webhookPublicKey: '' },
  });
});

test('half of Stripe’s keys are none', async () => {
  expect(Object.values((await providersWith({ STRIPE_API_KEY: 'sk_test_real' })).hosts)).toContain('stripe');
});

test('a key that would charge real cards is refused', async () => {
  const keys = { STRIPE_API_KEY: 'sk_live_x', STRIPE_WEBHOOK_SECRET: 'whsec_x' };
  await expect(providersWith(keys)).rejects.toThrow('live key');
});
