/** Secrets Manager on one machine: generated once, kept in the store, or given from outside. */
import { randomInt, randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  type AwsCall,
  AwsError,
  type AwsService,
  jsonAnswer,
  notImplemented,
  readJson,
} from '../gateway/service.ts';
import type { Store } from '../store.ts';
import type { SecretModel } from '../template/model.ts';

/** What is stored of a secret: its present value. */
type SecretVersion = { value: string; versionId: string /** Seconds since 1970. */; createdAt: number };

export type SecretsManager = {
  service: AwsService;
  /** The present value, by logical id; undefined while nobody has filled it in. */
  value(logicalId: string): string | undefined;
};

const requests = {
  GetSecretValue: z.strictObject({ SecretId: z.string() }),
  PutSecretValue: z.strictObject({
    SecretId: z.string(),
    SecretString: z.string().min(1).max(65_536),
    ClientRequestToken: z.string().min(32).max(64).optional(),
  }),
};

/** @param values given from outside, by logical id; they win over what is stored. */
export async function createSecretsManager({
  secrets,
  store,
  values = {},
}: {
  secrets: SecretModel[];
  store: Store;
  values?: Record<string, string>;
}): Promise<SecretsManager> {
  const stored = await store.collection<SecretVersion>('secrets');

  async function put({ arn }: SecretModel, value: string, versionId: string = randomUUID()) {
    await stored.put(arn, { value, versionId, createdAt: Date.now() / 1000 });
    return versionId;
  }
  for (const secret of secrets) {
    const present = stored.get(secret.arn)?.value;
    const value = values[secret.logicalId] ?? present ?? (secret.generate && generate(secret.generate));
    if (value !== undefined && value !== present) await put(secret, value);
  }

  /** The secret of an ARN or a name, once the caller may do that to it. */
  function allowed(call: AwsCall, id: string): SecretModel {
    const secret = secrets.find(({ arn, name }) => id === arn || id === name);
    if (!secret) throw notFound("Secrets Manager can't find the specified secret.");
    call.authorize(`secretsmanager:${call.operation}`, secret.arn);
    return secret;
  }

  const operations: Record<string, (call: AwsCall, input: unknown) => Promise<unknown>> = {
    async GetSecretValue(call, input) {
      const secret = allowed(call, parse(requests.GetSecretValue, call, input).SecretId);
      const version = stored.get(secret.arn);
      if (!version) {
        throw notFound("Secrets Manager can't find the specified secret value for staging label: AWSCURRENT");
      }
      return {
        ...named(secret, version.versionId),
        SecretString: version.value,
        CreatedDate: version.createdAt,
      };
    },
    async PutSecretValue(call, input) {
      const request = parse(requests.PutSecretValue, call, input);
      const secret = allowed(call, request.SecretId);
      return named(secret, await put(secret, request.SecretString, request.ClientRequestToken));
    },
  };

  return {
    async service(call) {
      const operation = operations[call.operation];
      if (!operation) throw notImplemented('Secrets Manager', call.operation);
      return jsonAnswer(await operation(call, await readJson(call)));
    },
    value(logicalId) {
      const secret = secrets.find((each) => each.logicalId === logicalId);
      return secret && stored.get(secret.arn)?.value;
    },
  };
}

const notFound = (message: string) => new AwsError('ResourceNotFoundException', message);

const named = (secret: SecretModel, versionId: string) => ({
  ARN: secret.arn,
  Name: secret.name,
  VersionId: versionId,
  VersionStages: ['AWSCURRENT'],
});

function parse<T>(schema: z.ZodType<T>, call: AwsCall, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    throw notImplemented('Secrets Manager', `${call.operation} with ${issue.keys.join(', ')}`);
  }
  throw new AwsError('InvalidParameterException', `${issue?.path.join('.')}: ${issue?.message}`);
}

const classes = {
  lower: 'abcdefghijklmnopqrstuvwxyz',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  digits: '0123456789',
  punctuation: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
};

/** A password with at least one character of each class; with a template, JSON that holds it under `key`. */
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
