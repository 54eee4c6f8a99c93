/** API steps: an event in, a checked request through the step, an answer or a problem out. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { z } from 'zod';
import { clientError, internalError, retryLater, StepError } from './errors.ts';
import { begin, type Remaining } from './invocation.ts';
import { log } from './logging.ts';
import { networkOf } from './network.ts';
import { placeOf, wordsFor } from './request-words.ts';

export type Request = {
  method: string;
  /** From the first slash, without the query. */
  address: string;
  /** Path parameters, decoded. */
  path: Record<string, string | undefined>;
  /** Header names in lower case. */
  headers: Record<string, string | undefined>;
  /** The body's bytes as they were sent. */
  body: Buffer;
  /** The caller's network; their address is kept nowhere. */
  ipAddress: string | null;
  userAgent: string | null;
};

export type Answer = { status: number; headers?: Record<string, string>; body?: unknown };

type ApiHandler = (
  event: APIGatewayProxyEventV2,
  context?: Remaining,
) => Promise<APIGatewayProxyStructuredResultV2>;

/** Browsers and proxies send longer ones; the audit keeps this much. */
const longestUserAgent = 300;

function toRequest(event: APIGatewayProxyEventV2): Request {
  const { http } = event.requestContext;
  return {
    method: http.method,
    address: event.rawPath,
    path: event.pathParameters ?? {},
    headers: event.headers,
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    ipAddress: networkOf(http.sourceIp),
    userAgent: http.userAgent?.slice(0, longestUserAgent) || null,
  };
}

/** For what is not possible just now and does not know how long that will last. */
const usualRetryAfter = 5;

/** Problem details (RFC 9457): a stable `type`, a `detail` for a person, nothing internal. */
function problem(error: StepError): Answer {
  const { retryAfterSeconds = error.kind === 'retry' ? usualRetryAfter : undefined } = error;
  return {
    status: error.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
      ...error.headers,
    },
    body: {
      type: `urn:restoreclick:problem:${error.code.replaceAll('_', '-')}`,
      title: titles[error.status] ?? 'Request failed',
      status: error.status,
      detail: error.message,
      ...error.detail,
    },
  };
}

const titles: Record<number, string> = {
  400: 'Bad request',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Not possible right now',
  410: 'No longer available',
  413: 'Too large',
  415: 'Unsupported type',
  422: 'Cannot be processed',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Temporarily unavailable',
};

const internal = internalError(
  'internal_error',
  'Something went wrong on our side. Please try again in a moment.',
);

/** Said for a statement that others were always in the way of; its own words are for the log. */
const busy = retryLater('busy', 'Many people are here right now. Please try again in a few seconds.');

/** Lambda takes 6 MB, of which headers and escapes need some. */
const largestAnswer = 5_000_000;

function toResult({ status, headers = {}, body }: Answer): APIGatewayProxyStructuredResultV2 {
  const text = body === undefined ? undefined : JSON.stringify(body);
  if (text !== undefined && Buffer.byteLength(text) > largestAnswer) {
    log.error('answer too large', { status, bytes: Buffer.byteLength(text) });
    return toResult(problem(internal));
  }
  return {
    statusCode: status,
    headers: {
      'cache-control': 'private, no-store',
      'x-content-type-options': 'nosniff',
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(text === undefined ? {} : { body: text }),
  };
}

/** Only the client's errors and delays are told; what a provider refused is for the log. */
function toProblem(error: unknown): Answer {
  if (error instanceof StepError && error.kind === 'client') return problem(error);
  if (error instanceof StepError && error.kind === 'retry')
    return problem(error.name === 'StatementError' ? busy : error);
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: '' };
  // What a provider says when it refuses may repeat what the customer typed.
  const isForeign = error instanceof StepError && error.kind === 'permanent';
  log.error('request failed', { error: name, reason: isForeign ? undefined : message });
  return problem(internal);
}

/** The Lambda handler of an API step. */
export function apiHandler(step: (request: Request) => Promise<Answer>): ApiHandler {
  return async (event, context) => {
    begin(context);
    const request = toRequest(event);
    const { body, ...result } = toResult(await step(request).catch(toProblem));
    // A HEAD is answered as a GET, without what comes after the headers.
    return body === undefined || request.method === 'HEAD' ? result : { ...result, body };
  };
}

const largestBody = 256 * 1024;
/** Our shapes are four deep. */
const deepest = 20;
/** Whoever sends more faults than these learns nothing from the rest. */
const mostErrors = 20;

/** JSON can spell NUL and half a character, which PostgreSQL does not take, and endless depth. */
function isSound(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return !value.includes('\0') && !/\p{Cs}/u.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return depth < deepest && Object.values(value).every((each) => isSound(each, depth + 1));
}

function readJson(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (isSound(value)) return value;
  } catch {
    // Said below, for both cases.
  }
  throw clientError('malformed_json', 'We could not read this request: it is not valid JSON text.');
}

/**
 * The request's JSON body in the shape of `schema`.
 * @throws StepError 400 `malformed_json` or `invalid_request` (`errors`: path and sentence each),
 * 413 `body_too_large`, 415 `not_json`
 */
export function jsonBody<T>(request: Request, schema: z.ZodType<T>): T {
  // A form or a text of another site's page goes without the browser's asking; JSON does not.
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw clientError('not_json', 'Please send this as JSON, with the content type application/json.', {
      status: 415,
    });
  if (request.body.length > largestBody)
    throw clientError(
      'body_too_large',
      `This is more text than we take at a time (${largestBody / 1024} kB).`,
      { status: 413, detail: { limit: largestBody } },
    );
  const parsed = schema.safeParse(readJson(request.body), { error: wordsFor });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, mostErrors);
  const errors = issues.map((issue) => ({ at: issue.path.join('.'), detail: issue.message }));
  const [first] = issues;
  throw clientError('invalid_request', `Please check ${placeOf(first?.path ?? [])}: ${first?.message}.`, {
    detail: { errors },
  });
}

/**
 * A path parameter that must be a UUID of ours.
 * @throws StepError 404 `code` when it is anything else: what cannot exist was never there
 */
export function uuidParameter(request: Request, name: string, code: string, sentence: string): string {
  const parsed = z.guid().safeParse(request.path[name]);
  if (!parsed.success) throw clientError(code, sentence, { status: 404 });
  return parsed.data.toLowerCase();
}
