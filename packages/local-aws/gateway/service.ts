/** What the gateway and every local AWS service agree on: a call, an answer, an error. */
import type { Readable } from 'node:stream';

/** One call to an AWS API, its signature verified by the gateway. */
export type AwsCall = {
  /** Who signed it: a function's or state machine's logical id, or `operator` (allowed everything). */
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
   * Throws `AccessDenied` unless the caller's IAM policy allows it. A service calls this before it acts; the gateway answers 500 to
   * a success that never asked.
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

/** A refusal as AWS would word it; the gateway writes it in the protocol of the service (JSON or S3's XML). */
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

/** Reads a call's JSON body; an empty one is `{}`. */
export async function readJson(call: AwsCall): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of call.body) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
}

/** An answer in AWS's JSON protocol. */
export function jsonAnswer(body: unknown, status = 200): AwsAnswer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(body) };
}

/** The 501 for a call that no Lambda or operator makes yet; each call arrives here with its first caller. */
export function notImplemented(service: string, operation: string): AwsError {
  return new AwsError('NotImplemented', `The local ${service} does not implement ${operation}.`, 501);
}
