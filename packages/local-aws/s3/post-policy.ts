/** The policy of a presigned POST: who signed it, and whether the form keeps to its conditions. */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { AwsError, invalidAccessKeyId, wrongSignature } from '../gateway/index.ts';
import { accessDenied, invalidArgument, missingField } from './errors.ts';

/** The form's fields before the file, by lower-case name. */
export type Fields = ReadonlyMap<string, string>;

/** What a policy that holds allows: the signer's access key and the file's size in bytes. */
export type Grant = { accessKeyId: string; minSize: number; maxSize: number };

/** Fields that no condition need cover. */
const uncovered = new Set(['policy', 'x-amz-signature', 'file']);

const condition = z.union([
  z.tuple([z.literal('content-length-range'), z.coerce.number().int(), z.coerce.number().int()]),
  z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), z.string()]),
  z
    .record(z.string(), z.string())
    .refine((pairs) => Object.keys(pairs).length === 1)
    .transform((pairs): ['eq', string, string] => {
      const [[name, value] = ['', '']] = Object.entries(pairs);
      return ['eq', `$${name}`, value];
    }),
]);

const policyDocument = z.object({ expiration: z.iso.datetime(), conditions: z.array(condition) });

type Policy = z.infer<typeof policyDocument>;

function readPolicy(encoded: string): Policy {
  const invalid = (why: string) => new AwsError('InvalidPolicyDocument', `Invalid Policy: ${why}`);
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
  } catch {
    throw invalid('Invalid JSON.');
  }
  const parsed = policyDocument.safeParse(document);
  if (!parsed.success) throw invalid(`Invalid Policy document: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function required(fields: Fields, name: string): string {
  const value = fields.get(name.toLowerCase());
  if (value !== undefined) return value;
  throw missingField(name);
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** In hex, by Signature Version 4, of a scope such as `20261122/eu-central-1/s3/aws4_request`. */
function signatureOf(text: string, secret: string, scope: string): string {
  return hmac(scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secret}`), text).toString('hex');
}

/** The access key that signed the form; throws unless its secret did. */
function verifySignature(fields: Fields, secretOf: (accessKeyId: string) => string | undefined): string {
  const policy = required(fields, 'policy');
  const algorithm = required(fields, 'X-Amz-Algorithm');
  if (algorithm !== 'AWS4-HMAC-SHA256')
    throw invalidArgument('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"', 'X-Amz-Algorithm', algorithm);
  const credential = required(fields, 'X-Amz-Credential');
  const [, accessKeyId, scope, day] =
    /^([^/]+)\/((\d{8})\/[a-z0-9-]+\/s3\/aws4_request)$/.exec(credential) ?? [];
  if (accessKeyId === undefined || scope === undefined || day === undefined)
    throw invalidArgument('the Credential is mal-formed', 'X-Amz-Credential', credential);
  const secret = secretOf(accessKeyId);
  if (secret === undefined) throw invalidAccessKeyId(accessKeyId);
  const dated = required(fields, 'X-Amz-Date').startsWith(`${day}T`);
  const provided = required(fields, 'X-Amz-Signature');
  if (!dated || provided !== signatureOf(policy, secret, scope))
    throw wrongSignature('SignatureDoesNotMatch', {
      AWSAccessKeyId: accessKeyId,
      StringToSign: policy,
      SignatureProvided: provided,
    });
  return accessKeyId;
}

const denied = (why: string) => accessDenied(`Invalid according to Policy: ${why}`);

/** Checks every condition on a field, and that every field has one. */
function verifyFields({ conditions }: Policy, fields: Fields, bucket: string): void {
  const covered = new Set(uncovered);
  for (const [operator, variable, expected] of conditions) {
    if (operator === 'content-length-range') continue;
    const name = variable.slice(1).toLowerCase();
    covered.add(name);
    const value = name === 'bucket' ? bucket : (fields.get(name) ?? '');
    if (operator === 'eq' ? value !== expected : !value.startsWith(expected)) {
      const shown = [operator, variable, expected].map((each) => JSON.stringify(each)).join(', ');
      throw denied(`Policy Condition failed: [${shown}]`);
    }
  }
  const extra = [...fields.keys()].filter((name) => !covered.has(name) && !name.startsWith('x-ignore-'));
  if (extra.length > 0) throw denied(`Extra input fields: ${extra.join(', ')}`);
}

/** The sizes that every content-length-range of the policy allows. */
function sizes({ conditions }: Policy): { minSize: number; maxSize: number } {
  const ranges = conditions.filter((each) => each[0] === 'content-length-range');
  return {
    minSize: Math.max(0, ...ranges.map(([, min]) => min)),
    maxSize: Math.min(5 * 1024 ** 3, ...ranges.map(([, , max]) => max)),
  };
}

/**
 * Throws as S3 does unless a known key signed the form, its policy is still good and is kept to.
 * @param now ms since 1970
 */
export function verifyForm(
  fields: Fields,
  context: { bucket: string; now: number; secretOf: (accessKeyId: string) => string | undefined },
): Grant {
  if (!fields.has('policy')) throw accessDenied();
  const accessKeyId = verifySignature(fields, context.secretOf);
  const policy = readPolicy(required(fields, 'policy'));
  if (Date.parse(policy.expiration) <= context.now) throw denied('Policy expired.');
  verifyFields(policy, fields, context.bucket);
  return { accessKeyId, ...sizes(policy) };
}
