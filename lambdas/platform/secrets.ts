/** Secrets from Secrets Manager, kept for minutes and checked by a zod shape. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { z } from 'zod';
import { log } from './logging.ts';

const client = new SecretsManagerClient({});
const kept = new Map<string, { text: Promise<string>; readAt: number }>();

/** A secret that an operator replaced is used after this at the latest, without a deploy. */
const keptMs = 5 * 60_000;
/** Between two reads for refusals' sake: anybody can send a bad signature, and a read costs. */
const renewalMs = 30_000;

async function fetchSecret(arn: string): Promise<string> {
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
  if (!SecretString)
    throw new Error(`The secret ${arn} is empty: an operator fills it in after the first deploy.`);
  return SecretString;
}

function read(arn: string): Promise<string> {
  const before = kept.get(arn);
  const text = fetchSecret(arn).catch((error: unknown) => {
    if (!before) {
      kept.delete(arn);
      throw error;
    }
    log.warn('secret not read again', { error: error instanceof Error ? error.name : typeof error });
    return before.text;
  });
  kept.set(arn, { text, readAt: Date.now() });
  return text;
}

/** A secret's text. A failed first read is not remembered; later ones go on with what was known. */
export async function secretText(arn: string): Promise<string> {
  const known = kept.get(arn);
  return known && Date.now() - known.readAt < keptMs ? known.text : read(arn);
}

/** Reads anew a secret that was refused. Whether it is another now; bounded, so often it is not. */
export async function renewed(arn: string): Promise<boolean> {
  const known = kept.get(arn);
  if (known && Date.now() - known.readAt < renewalMs) return false;
  return (await read(arn)) !== (await known?.text);
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

/** What is made of a secret: once, and again when the secret has changed. */
export function madeOf<S, T>(arn: string, schema: z.ZodType<S>, make: (value: S) => T): () => Promise<T> {
  let made: { text: string; it: T } | undefined;
  return async () => {
    const text = await secretText(arn);
    if (made?.text !== text) made = { text, it: make(await secret(arn, schema)) };
    return made.it;
  };
}
