/** The secrets of one local system: made once, kept, and put where the template expects them. */
import { createHmac, randomBytes } from 'node:crypto';
import {
  AwsError,
  type Login,
  type PgServer,
  type SecretsManager,
  type StackModel,
  type Store,
} from '@restoreclick/local-aws';
import { z } from 'zod';

export type SystemSecrets = {
  /** Signs the functions' access keys. */
  signing: string;
  stripe: { apiKey: string; webhookSecret: string };
  replicate: { apiToken: string };
  sendgrid: { apiKey: string };
};

export async function systemSecrets(store: Store): Promise<SystemSecrets> {
  const kept = await store.collection<string>('system');
  const seed = kept.get('seed') ?? randomBytes(32).toString('base64url');
  await kept.put('seed', seed);
  const derived = (name: string) => createHmac('sha256', seed).update(name).digest('base64url').slice(0, 24);
  return {
    signing: derived('signing'),
    stripe: { apiKey: `sk_test_${derived('stripe')}`, webhookSecret: `whsec_${derived('stripe events')}` },
    replicate: { apiToken: `r8_${derived('replicate')}` },
    sendgrid: { apiKey: `SG.${derived('sendgrid')}` },
  };
}

/** The roles' passwords: the same for all systems on one PostgreSQL server, as its roles are. */
export const passwordsOf = (server: Pick<PgServer, 'adminPassword'>) => (username: string) =>
  createHmac('sha256', server.adminPassword).update(username).digest('base64url');

/** The logical id of the secret that functions find under that variable. */
function secretBehind(model: StackModel, variable: string): string {
  const arn = model.functions
    .map(({ environment }) => environment[variable])
    .find((value) => value !== undefined);
  const secret = model.secrets.find((candidate) => candidate.arn === arn);
  if (!secret) throw new Error(`No function has a secret under ${variable}.`);
  return secret.logicalId;
}

/** What secrets hold here, by logical id; the others are generated as the template says. */
export function secretValues(
  model: StackModel,
  passwordOf: (username: string) => string,
  providers: {
    secrets: Record<'STRIPE_SECRET_ARN' | 'REPLICATE_SECRET_ARN' | 'SENDGRID_SECRET_ARN', object>;
  },
): Record<string, string> {
  const values = Object.entries(providers.secrets).map(
    ([variable, value]) => [secretBehind(model, variable), JSON.stringify(value)] as const,
  );
  const logins = model.secrets.flatMap(({ logicalId, generate }) => {
    const username = generate?.template?.username;
    return username
      ? [[logicalId, JSON.stringify({ username, password: passwordOf(username) })] as const]
      : [];
  });
  return Object.fromEntries([...values, ...logins]);
}

const login = z.object({ username: z.string(), password: z.string() });

/**
 * User and password in a secret, as the Data API reads them.
 * @throws AwsError when there is none of that ARN, or it is no login's
 */
export function readLogin(
  model: Pick<StackModel, 'secrets'>,
  secretsManager: SecretsManager,
  arn: string,
): Login {
  const secret = model.secrets.find((candidate) => candidate.arn === arn);
  try {
    return login.parse(JSON.parse((secret && secretsManager.value(secret.logicalId)) ?? ''));
  } catch {
    throw new AwsError('BadRequestException', `The secret ${arn} holds no user and password.`);
  }
}
