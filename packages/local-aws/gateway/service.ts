/** What the gateway and every local AWS service agree on: a call, an answer, an error. */
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { z } from 'zod';

/** One call to an AWS API, its signature verified by the gateway. */
export type AwsCall = {
  /** Logical id of the function or state machine that signed it, or `operator`. */
  readonly caller: string;
  /** The part of `X-Amz-Target` after the dot for JSON protocols (`SendMessage`), else ''. */
  readonly operation: string;
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
  /**
   * Throws `AccessDenied` unless the caller's IAM policy allows it. A service calls this before it
   * acts; the gateway answers 500 to a success that never asked.
   * @param context condition keys of this call, such as `{ 's3:prefix': 'uploads/' }`
   */
  authorize(action: string, resource: string, context?: Record<string, string>): void;
};

export type AwsAnswer = {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer | Readable;
};

export type AwsService = (call: AwsCall) => Promise<AwsAnswer>;

/** A refusal as AWS would word it; the gateway writes it in the service's protocol, JSON or XML. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  /** Further members of the error's body. */
  readonly detail: Record<string, string>;

  constructor(code: string, message: string, status = 400, detail: Record<string, string> = {}) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.detail = detail;
  }
}

/** The 501 for what is not here; each call is added with its first caller. */
export const notImplemented = (service: string, operation: string) =>
  new AwsError('NotImplemented', `The local ${service} does not implement ${operation}.`, 501);

/** An access key that is nobody's, in S3's words. */
export const invalidAccessKeyId = (accessKeyId: string) => {
  const message = 'The AWS Access Key Id you provided does not exist in our records.';
  return new AwsError('InvalidAccessKeyId', message, 403, { AWSAccessKeyId: accessKeyId });
};

export const wrongSignature = (code: string, detail: Record<string, string> = {}) => {
  const cause = 'The request signature we calculated does not match the signature you provided.';
  return new AwsError(code, `${cause} Check your key and signing method.`, 403, detail);
};

/** Reads a call's JSON body; an empty one is `{}`. */
export async function readJson(call: AwsCall): Promise<unknown> {
  const body = await text(call.body);
  return body === '' ? {} : JSON.parse(body);
}

/** An answer in AWS's JSON protocol. */
export function jsonAnswer(body: unknown, status = 200): AwsAnswer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(body) };
}

/** By name; each parses its input, authorises its caller, acts, and returns the answer's body. */
export type Operations = Record<string, (call: AwsCall, input: unknown) => unknown>;

/** A service of AWS's JSON protocol. */
export function jsonService(name: string, operations: Operations): AwsService {
  const byName = new Map(Object.entries(operations));
  return async (call) => {
    const operation = byName.get(call.operation);
    if (!operation) throw notImplemented(name, call.operation);
    return jsonAnswer(await operation(call, await readJson(call)));
  };
}

/**
 * A request's members; a member that is not here is refused by its name.
 * @param refusal words any other fault as the service does
 */
export function parseInput<T>(
  schema: z.ZodType<T>,
  input: unknown,
  service: string,
  operation: string,
  refusal: (member: string, problem: string) => AwsError,
): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw notImplemented(service, `${operation} with ${issue.keys.join(', ')}`);
  throw refusal(issue?.path.join('.') || 'request', issue?.message ?? '');
}
