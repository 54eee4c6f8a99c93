/** Secrets from Secrets Manager, read once per process and checked by a zod shape. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { z } from 'zod';

const client = new SecretsManagerClient({});
const read = new Map<string, Promise<string>>();

async function fetchSecret(arn: string): Promise<string> {
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
  if (!SecretString)
    throw new Error(`The secret ${arn} is empty: an operator fills it in after the first deploy.`);
  return SecretString;
}

/** A secret's text. A failed read is not remembered. */
export async function secretText(arn: string): Promise<string> {
  let text = read.get(arn);
  if (!text) {
    text = fetchSecret(arn);
    read.set(arn, text);
    text.catch(() => read.delete(arn));
  }
  return text;
}

/**
 * A JSON secret, unchecked.
 * @throws Error without the parser's own words, which quote what they stumbled over
 */
export async function secretJson(arn: string): Promise<unknown> {
  const text = await secretText(arn);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The secret ${arn} is not JSON.`);
  }
}

/**
 * A JSON secret in the shape of `schema`.
 * @throws Error that names the secret and the fields, never a value
 */
export async function secret<T>(arn: string, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await secretJson(arn));
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  throw new Error(`The secret ${arn} lacks or misstates: ${wrong}.`);
}
