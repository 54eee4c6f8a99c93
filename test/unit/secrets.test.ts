import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { secret, secretJson, secretText } from '../../lambdas/platform/secrets.ts';

const values = new Map<string, string>();
let calls: string[];
let serial = 0;

/** A secret that no other test has read. */
function kept(text: string): string {
  const arn = `arn:secret-${serial++}`;
  values.set(arn, text);
  return arn;
}

beforeEach(() => {
  calls = [];
  jest.spyOn(SecretsManagerClient.prototype, 'send').mockImplementation(async (command: object) => {
    if (!(command instanceof GetSecretValueCommand)) throw new Error('another command');
    const arn = command.input.SecretId ?? '';
    calls.push(arn);
    const SecretString = values.get(arn);
    if (SecretString === undefined) throw new Error('ResourceNotFound');
    return { SecretString };
  });
});
afterEach(() => void jest.restoreAllMocks());

describe('a secret', () => {
  const shape = z.object({ apiKey: z.string().min(1) });

  test('is read once, even if asked for twice at once', async () => {
    const arn = kept('{"apiKey":"k"}');
    expect(await Promise.all([secret(arn, shape), secret(arn, shape), secretText(arn)])).toEqual([
      { apiKey: 'k' },
      { apiKey: 'k' },
      '{"apiKey":"k"}',
    ]);
    expect(calls).toEqual([arn]);
  });

  test('whose reading failed is read again', async () => {
    const arn = kept('later');
    values.delete(arn);
    await expect(secretText(arn)).rejects.toThrow('ResourceNotFound');
    values.set(arn, 'later');
    expect(await secretText(arn)).toBe('later');
  });

  test('that nobody filled in says who has to', async () => {
    await expect(secretText(kept(''))).rejects.toThrow(/is empty: an operator fills it in/);
  });

  test('of a wrong shape is named with its fields, never with its values', async () => {
    const arn = kept('{"apikey":"sk_live_1234"}');
    const error = await secret(arn, shape).catch(String);
    expect(error).toContain(`${arn} lacks or misstates: apiKey.`);
    expect(error).not.toContain('sk_live');
  });

  test('pasted without its JSON is not quoted', async () => {
    const arn = kept('sk_live_1234');
    const errors = await Promise.all([secret(arn, shape).catch(String), secretJson(arn).catch(String)]);
    expect(errors).toEqual(Array(2).fill(`Error: The secret ${arn} is not JSON.`));
  });
});
