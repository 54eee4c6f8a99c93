/** The local Secrets Manager, spoken to by the real client through the gateway. */

import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createClock } from '../clock/index.ts';
import { createCredentials, createGateway, createIam, type Gateway } from '../gateway/index.ts';
import { createSecretsManager } from '../secrets-manager/index.ts';
import { createStore, type Store } from '../store/index.ts';
import type { SecretModel } from '../template/index.ts';

const secret = (logicalId: string, generate?: SecretModel['generate']): SecretModel => ({
  logicalId,
  name: `app/${logicalId}`,
  arn: `arn:aws:secretsmanager:us-east-1:000000000000:secret:app/${logicalId}-AbCdEf`,
  ...(generate && { generate }),
});
const payments = secret('Payments');
const orderKey = secret('OrderKey', { length: 40, excludePunctuation: true });
const admin = secret('Admin', {
  template: { username: 'postgres' },
  key: 'password',
  length: 30,
  excludePunctuation: false,
});

const credentials = createCredentials({ secret: 'test', callers: ['Reader'] });
const wall = createClock();
let gateway: Gateway;
let store: Store;
let operator: SecretsManagerClient;
let reader: SecretsManagerClient;

const client = (caller: string) =>
  new SecretsManagerClient({
    region: 'us-east-1',
    endpoint: gateway.url,
    credentials: credentials.keyOf(caller),
    maxAttempts: 1,
  });

async function open(values?: Record<string, string>) {
  const manager = await createSecretsManager({
    secrets: [payments, orderKey, admin],
    store,
    ...(values && { values }),
  });
  gateway.serve('secretsmanager', manager.service);
  return manager;
}

const read = async (id: string, as = operator) =>
  (await as.send(new GetSecretValueCommand({ SecretId: id }))).SecretString;

beforeEach(async () => {
  const actions = ['secretsmanager:GetSecretValue'];
  const iam = createIam({
    account: '000000000000',
    policies: new Map([
      ['Reader', [{ effect: 'Allow', actions, resources: [orderKey.arn], conditions: {} }]],
    ]),
  });
  gateway = await createGateway({ credentials, iam, clock: wall, log: console.error });
  store = createStore();
  operator = client('operator');
  reader = client('Reader');
});

afterEach(async () => {
  operator.destroy();
  reader.destroy();
  await gateway.stop();
});

describe('secrets', () => {
  test('a generated one is made once, by its rule, and kept', async () => {
    await open();
    const first = await read(orderKey.arn);
    expect(first).toMatch(/^[A-Za-z0-9]{40}$/);
    await open();
    expect(await read(orderKey.name)).toBe(first);
  });

  test('a generated one with a template is JSON that holds every class of characters', async () => {
    await open();
    const value: unknown = JSON.parse((await read(admin.arn)) ?? '');
    expect(value).toEqual({ username: 'postgres', password: expect.stringMatching(/^[!-~]{30}$/) });
    for (const each of [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z0-9]/]) {
      expect(value).toMatchObject({ password: expect.stringMatching(each) });
    }
  });

  test('what is given from outside wins over what is stored', async () => {
    await open();
    const manager = await open({ OrderKey: 'given', Payments: 'key' });
    expect(await read(orderKey.arn)).toBe('given');
    expect(manager.value('Payments')).toBe('key');
  });

  test('one that nobody filled in has no value until an operator puts it', async () => {
    await open();
    await expect(read(payments.arn)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    const put = await operator.send(
      new PutSecretValueCommand({ SecretId: payments.name, SecretString: 'live' }),
    );
    const got = await operator.send(new GetSecretValueCommand({ SecretId: payments.arn }));
    expect(got).toMatchObject({ SecretString: 'live', VersionId: put.VersionId, ARN: payments.arn });
    expect(got.CreatedDate).toBeInstanceOf(Date);
  });

  test('a caller reads the secrets that its policy names, and puts none', async () => {
    await open({ Payments: 'key' });
    expect(await read(orderKey.arn, reader)).toBeDefined();
    await expect(read(payments.arn, reader)).rejects.toMatchObject({
      message: expect.stringContaining('secretsmanager:GetSecretValue'),
    });
    const put = new PutSecretValueCommand({ SecretId: orderKey.arn, SecretString: 'mine' });
    await expect(reader.send(put)).rejects.toMatchObject({
      message: expect.stringContaining('secretsmanager:PutSecretValue'),
    });
  });

  test('an unknown one is not found, and a version stage not implemented', async () => {
    await open();
    await expect(read('none')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    const previous = new GetSecretValueCommand({ SecretId: orderKey.arn, VersionStage: 'AWSPREVIOUS' });
    await expect(operator.send(previous)).rejects.toMatchObject({
      message: expect.stringContaining('VersionStage'),
    });
  });
});
