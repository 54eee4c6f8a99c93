/** Secrets Manager on one machine: generated once, kept in the store, or given from outside. */
import { randomInt, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type AwsCall, AwsError, type AwsService, jsonService, parseInput } from '../gateway/index.ts';
import type { Collection, Store } from '../store/index.ts';
import type { SecretModel } from '../template/index.ts';

/** What is stored of a secret: its present value; times in seconds since 1970. */
type SecretVersion = { value: string; versionId: string; createdAt: number };

export type SecretsManager = {
  service: AwsService;
  /** The present value, by logical id; undefined while nobody has filled it in. */
  value(logicalId: string): string | undefined;
};

type Options = {
  secrets: SecretModel[];
  store: Store;
  /** Given from outside, by logical id; they win over what is stored. */
  values?: Record<string, string>;
};

const requests = {
  GetSecretValue: z.strictObject({ SecretId: z.string() }),
  PutSecretValue: z.strictObject({
    SecretId: z.string(),
    SecretString: z.string().min(1).max(65_536),
    ClientRequestToken: z.string().min(32).max(64).optional(),
  }),
};

export async function createSecretsManager({
  secrets,
  store,
  values = {},
}: Options): Promise<SecretsManager> {
  const stored = await store.collection<SecretVersion>('secrets');
  for (const secret of secrets) {
    const present = stored.get(secret.arn)?.value;
    const value = values[secret.logicalId] ?? present ?? (secret.generate && generate(secret.generate));
    if (value !== undefined && value !== present) await put(stored, secret, value);
  }
  return {
    service: serviceOf(secrets, stored),
    value(logicalId) {
      const secret = secrets.find((each) => each.logicalId === logicalId);
      return secret && stored.get(secret.arn)?.value;
    },
  };
}

async function put(
  stored: Collection<SecretVersion>,
  { arn }: SecretModel,
  value: string,
  versionId: string = randomUUID(),
): Promise<string> {
  await stored.put(arn, { value, versionId, createdAt: Date.now() / 1000 });
  return versionId;
}

function serviceOf(secrets: SecretModel[], stored: Collection<SecretVersion>): AwsService {
  /** The secret of an ARN or a name, once the caller may do that to it. */
  function allowed(call: AwsCall, id: string): SecretModel {
    const secret = secrets.find(({ arn, name }) => id === arn || id === name);
    if (!secret) throw notFound("Secrets Manager can't find the specified secret.");
    call.authorize(`secretsmanager:${call.operation}`, secret.arn);
    return secret;
  }
  return jsonService('Secrets Manager', {
    async GetSecretValue(call, input) {
      const secret = allowed(call, parse(requests.GetSecretValue, call, input).SecretId);
      const version = stored.get(secret.arn);
      if (!version)
        throw notFound("Secrets Manager can't find the specified secret value for staging label: AWSCURRENT");
      const { value: SecretString, createdAt: CreatedDate } = version;
      return { ...named(secret, version.versionId), SecretString, CreatedDate };
    },
    async PutSecretValue(call, input) {
      const request = parse(requests.PutSecretValue, call, input);
      const secret = allowed(call, request.SecretId);
      return named(secret, await put(stored, secret, request.SecretString, request.ClientRequestToken));
    },
  });
}

const notFound = (message: string) => new AwsError('ResourceNotFoundException', message);

const named = (secret: SecretModel, versionId: string) => ({
  ARN: secret.arn,
  Name: secret.name,
  VersionId: versionId,
  VersionStages: ['AWSCURRENT'],
});

function parse<T>(schema: z.ZodType<T>, call: AwsCall, input: unknown): T {
  return parseInput(schema, input, 'Secrets Manager', call.operation, (member, problem) => {
    return new AwsError('InvalidParameterException', `${member}: ${problem}`);
  });
}

const classes = {
  lower: 'abcdefghijklmnopqrstuvwxyz',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  digits: '0123456789',
  punctuation: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
};

/** A password with a character of each class; with a template, JSON that holds it under `key`. */
function generate(rule: NonNullable<SecretModel['generate']>): string {
  const { lower, upper, digits, punctuation } = classes;
  const required = rule.excludePunctuation ? [lower, upper, digits] : [lower, upper, digits, punctuation];
  const password = passwordOf(rule.length, required);
  return rule.key ? JSON.stringify({ ...rule.template, [rule.key]: password }) : password;
}

function passwordOf(length: number, required: string[]): string {
  if (length < required.length)
    throw new Error(`A password of ${length} cannot hold ${required.length} classes of characters.`);
  const alphabet = required.join('');
  for (;;) {
    const password = Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
    if (required.every((each) => [...each].some((character) => password.includes(character))))
      return password;
  }
}
