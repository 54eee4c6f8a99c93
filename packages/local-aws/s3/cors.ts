/** Cross-origin requests, by the buckets' CORS rules. */

import { type AwsAnswer, AwsError } from '../gateway/index.ts';
import type { BucketModel, CorsRule } from '../template/index.ts';
import type { S3Request } from './catalogue.ts';

/** A pattern with at most one `*`, as CORS rules have them. */
function matches(pattern: string, text: string): boolean {
  const [head = '', tail] = pattern.split('*');
  if (tail === undefined) return pattern === text;
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}

function ruleFor(bucket: BucketModel, origin: string, method: string, headers: string[] = []) {
  return bucket.cors.find(
    (rule) =>
      rule.origins.some((pattern) => matches(pattern, origin)) &&
      rule.methods.includes(method) &&
      headers.every((header) => rule.headers.some((pattern) => matches(pattern.toLowerCase(), header))),
  );
}

function originHeaders(rule: CorsRule, origin: string): Record<string, string> {
  const anyone = rule.origins.includes('*');
  return {
    'access-control-allow-origin': anyone ? '*' : origin,
    'access-control-allow-methods': rule.methods.join(', '),
    ...(rule.exposed.length > 0 && { 'access-control-expose-headers': rule.exposed.join(', ') }),
    ...(!anyone && { 'access-control-allow-credentials': 'true' }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

/** What an answer carries for a page of another origin; nothing when no rule allows it. */
export function corsHeaders({ bucket, call, headers }: S3Request): Record<string, string> {
  const { origin } = headers;
  const rule = origin === undefined ? undefined : ruleFor(bucket, origin, call.method);
  return rule && origin !== undefined ? originHeaders(rule, origin) : {};
}

/** In S3's words, its misspelling too. */
function refused(bucket: BucketModel): AwsError {
  const asked = 'request method / Access-Control-Request-Method or Access-Control-Request-Headers';
  const cause = `the evalution of Origin, ${asked} are not whitelisted by the resource's CORS spec.`;
  const reason =
    bucket.cors.length === 0
      ? 'CORS is not enabled for this bucket.'
      : `This CORS request is not allowed. This is usually because ${cause}`;
  return new AwsError('AccessForbidden', `CORSResponse: ${reason}`, 403);
}

/** The answer to a browser's preflight. */
export function preflight({ bucket, headers }: S3Request): AwsAnswer {
  const { origin, 'access-control-request-method': method } = headers;
  if (origin === undefined || method === undefined)
    throw new AwsError('BadRequest', 'Insufficient information. Origin request header needed.');
  const asked = (headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((each) => each.trim().toLowerCase())
    .filter((each) => each !== '');
  const rule = ruleFor(bucket, origin, method, asked);
  if (!rule) throw refused(bucket);
  return {
    status: 200,
    headers: {
      ...originHeaders(rule, origin),
      ...(asked.length > 0 && { 'access-control-allow-headers': asked.join(', ') }),
      ...(rule.maxAgeSeconds !== undefined && { 'access-control-max-age': String(rule.maxAgeSeconds) }),
    },
  };
}
