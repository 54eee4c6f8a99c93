import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { madeOf, renewed, secret, secretJson, secretText } from '../../lambdas/platform/secrets.ts';

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

  test('is read anew after five minutes, and goes on as it was where that fails', async () => {
    const arn = kept('old');
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    const clock = jest.spyOn(Date, 'now').mockReturnValue(0);
    expect(await secretText(arn)).toBe('old');
    values.delete(arn);
    clock.mockReturnValue(300_000);
    expect(await secretText(arn)).toBe('old');
    values.set(arn, 'new');
    clock.mockReturnValue(599_999);
    expect(await secretText(arn)).toBe('old');
    clock.mockReturnValue(600_000);
    expect(await secretText(arn)).toBe('new');
  });

  test('that was refused is read anew at once, and then not for half a minute', async () => {
    const arn = kept('old');
    const clock = jest.spyOn(Date, 'now').mockReturnValue(0);
    await secretText(arn);
    values.set(arn, 'new');
    clock.mockReturnValue(30_000);
    expect([await renewed(arn), await renewed(arn), await secretText(arn)]).toEqual([true, false, 'new']);
    expect(calls.filter((call) => call === arn)).toHaveLength(2);
  });

  test('that changed makes anew what is made of it', async () => {
    const arn = kept('{"apiKey":"a"}');
    const clock = jest.spyOn(Date, 'now').mockReturnValue(0);
    const provider = madeOf(arn, shape, ({ apiKey }) => ({ apiKey }));
    const [first, second] = [await provider(), await provider()];
    expect(first).toBe(second);
    values.set(arn, '{"apiKey":"b"}');
    clock.mockReturnValue(300_000);
    expect(await provider()).toEqual({ apiKey: 'b' });
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
