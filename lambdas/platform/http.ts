/** API steps: an HTTP API event in, a checked request through the step, an answer or RFC 9457 problem details out. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { z } from 'zod';
import { callersFault, StepError, tryAgain } from './errors.ts';
import { log } from './logging.ts';

export type Request = {
  /** Path parameters, decoded. */
  path: Record<string, string | undefined>;
  /** Header names in lower case. */
  headers: Record<string, string | undefined>;
  /** The body's bytes as they were sent. */
  body: Buffer;
  /** `https://host` as the caller reached us. */
  origin: string;
  ipAddress: string | null;
  userAgent: string | null;
};

export type Answer = { status: number; headers?: Record<string, string>; body?: unknown };

type ApiHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

/** Browsers and proxies send longer ones; the audit keeps this much. */
const longestUserAgent = 300;

function toRequest(event: APIGatewayProxyEventV2): Request {
  const { domainName, http } = event.requestContext;
  return {
    path: event.pathParameters ?? {},
    headers: event.headers,
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    // API Gateway serves no other host than its own, so the header can be trusted; it has the port where there is one.
    origin: `${event.headers['x-forwarded-proto'] ?? 'https'}://${event.headers.host ?? domainName}`,
    ipAddress: http.sourceIp || null,
    userAgent: http.userAgent?.slice(0, longestUserAgent) || null,
  };
}

/** Problem details (RFC 9457). `type` is stable; `detail` is for a person; nothing internal is in it. */
export function problem(error: StepError): Answer {
  return {
    status: error.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) }),
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
  401: 'Not authorised',
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

const internal = new StepError(
  'ours',
  'internal_error',
  'Something went wrong on our side. Please try again in a moment.',
);

function toResult({ status, headers = {}, body }: Answer): APIGatewayProxyStructuredResultV2 {
  return {
    statusCode: status,
    headers: {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

/** Aurora pauses when nobody comes; it is back in about 15 s. */
const resuming = tryAgain('waking_up', 'The service is waking up. Please try again in a few seconds.', {
  retryAfterSeconds: 15,
});

function toProblem(error: unknown): Answer {
  if (error instanceof StepError && error.kind !== 'ours') return problem(error);
  if (error instanceof Error && error.name === 'DatabaseResuming') return problem(resuming);
  const { name, message } = error instanceof Error ? error : { name: typeof error, message: '' };
  log.error('request failed', { error: name, reason: message });
  return problem(internal);
}

/** The Lambda handler of an API step. */
export function apiHandler(step: (request: Request) => Promise<Answer>): ApiHandler {
  return async (event) => toResult(await step(toRequest(event)).catch(toProblem));
}

const largestBody = 256 * 1024;

/**
 * The request's JSON body in the shape of `schema`.
 * @throws StepError 400 `malformed_json` or `invalid_request` (with `errors`: path and sentence each), 413 `body_too_large`
 */
export function jsonBody<T>(request: Request, schema: z.ZodType<T>): T {
  if (request.body.length > largestBody)
    throw callersFault('body_too_large', 'The request is larger than 256 kB.', { status: 413 });
  let value: unknown;
  try {
    value = JSON.parse(request.body.toString('utf8'));
  } catch {
    throw callersFault('malformed_json', 'The request body is not valid JSON.');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({ at: issue.path.join('.'), detail: issue.message }));
  throw callersFault(
    'invalid_request',
    `The request is not as expected: ${errors[0]?.at || 'body'}: ${errors[0]?.detail}.`,
    {
      detail: { errors },
    },
  );
}

/**
 * A path parameter that must be a UUID of ours.
 * @throws StepError 404 `code` when it is anything else: what cannot exist was never there
 */
export function uuidParameter(request: Request, name: string, code: string, sentence: string): string {
  const parsed = z.guid().safeParse(request.path[name]);
  if (!parsed.success) throw callersFault(code, sentence, { status: 404 });
  return parsed.data.toLowerCase();
}
