/** The secrets of one local system: kept, told apart, and put where the template expects them. */
import { describe, expect, test } from '@jest/globals';
import { createSecretsManager, createStore } from '@restoreclick/local-aws';
import { passwordsOf, readLogin, systemSecrets } from '../../local/keys.ts';

describe('the secrets of a local system', () => {
  test('are the same in the next run, and others in another system', async () => {
    const store = createStore();
    const first = await systemSecrets(store);
    expect(await systemSecrets(store)).toEqual(first);
    expect(await systemSecrets(createStore())).not.toEqual(first);
  });

  test('look like their providers’, and differ from each other', async () => {
    const { signing, stripe, replicate, sendgrid } = await systemSecrets(createStore());
    expect(stripe).toEqual({
      apiKey: expect.stringMatching(/^sk_test_/),
      webhookSecret: expect.stringMatching(/^whsec_/),
    });
    expect([replicate.apiToken, sendgrid.apiKey]).toEqual([
      expect.stringMatching(/^r8_/),
      expect.stringMatching(/^SG\./),
    ]);
    const tails = [signing, ...Object.values(stripe), replicate.apiToken, sendgrid.apiKey].map((key) =>
      key.slice(-20),
    );
    expect(new Set(tails).size).toBe(5);
  });

  test('give each role its own password, the same for every system on one server', () => {
    const passwordOf = passwordsOf({ adminPassword: 'admin' });
    expect(passwordOf('app')).toBe(passwordsOf({ adminPassword: 'admin' })('app'));
    expect(
      new Set([passwordOf('app'), passwordOf('owner'), passwordsOf({ adminPassword: 'x' })('app')]).size,
    ).toBe(3);
  });
});

test('a login is read of its secret, and of no other', async () => {
  const secret = (logicalId: string) => ({ logicalId, name: logicalId, arn: `arn:${logicalId}` });
  const rule = { template: { username: 'postgres' }, key: 'password', length: 30, excludePunctuation: false };
  const secrets = [{ ...secret('Admin'), generate: rule }, secret('Stripe'), secret('Empty')];
  const values = { Stripe: '{"apiKey":"sk_test"}' };
  const manager = await createSecretsManager({ secrets, store: createStore(), values });
  expect(readLogin({ secrets }, manager, 'arn:Admin')).toMatchObject({ username: 'postgres' });
  for (const wrong of ['arn:Stripe', 'arn:Empty', 'arn:Other'])
    expect(() => readLogin({ secrets }, manager, wrong)).toThrow(
      `The secret ${wrong} holds no user and password.`,
    );
});
