/** Events of payload format 2.0: what a function learns of a request. */
import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';

type Context = {
  routeKey: string;
  requestId: string;
  account: string;
  /** Milliseconds since 1970. */
  now: number;
};

/** The request as API Gateway words it. */
export function eventOf(request: FastifyRequest, { routeKey, requestId, account, now }: Context) {
  const [rawPath = '/', rawQueryString = ''] = request.url.split(/\?(.*)/s);
  const path = decodeURIComponent(rawPath);
  const { cookie, ...headers } = headersOf(request);
  const query = joined([...new URLSearchParams(rawQueryString)]);
  const pathParameters = parametersOf(routeKey, request.params);
  const host = headers.host?.split(':')[0] ?? '127.0.0.1';
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString,
    ...(cookie !== undefined && { cookies: cookie.split(/;\s*/).filter(Boolean) }),
    headers,
    ...(Object.keys(query).length > 0 && { queryStringParameters: query }),
    requestContext: {
      accountId: account,
      apiId: 'local',
      domainName: host,
      domainPrefix: host.split('.')[0],
      http: {
        method: request.method,
        path,
        protocol: `HTTP/${request.raw.httpVersion}`,
        sourceIp: request.ip,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey,
      stage: '$default',
      time: commonLogTime(new Date(now)),
      timeEpoch: now,
    },
    ...(Object.keys(pathParameters).length > 0 && { pathParameters }),
    ...bodyOf(request.body, headers),
  };
}

/** `12/Mar/2026:19:03:58 +0000` */
function commonLogTime(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(' ');
  return `${day}/${month}/${year}:${time} +0000`;
}

/** Names that come more than once have their values joined by commas. */
function joined(pairs: [string, string][]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of pairs) values[name] = name in values ? `${values[name]},${value}` : value;
  return values;
}

function headersOf({ raw, ip, socket }: FastifyRequest): Record<string, string> {
  const sent = joined(
    Object.entries(raw.headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value]),
    ),
  );
  const forwardedFor = sent['x-forwarded-for'];
  return {
    'content-length': '0',
    ...sent,
    'x-amzn-trace-id': `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${randomBytes(12).toString('hex')}`,
    'x-forwarded-for': forwardedFor ? `${forwardedFor}, ${ip}` : ip,
    'x-forwarded-port': String(socket.localPort),
    'x-forwarded-proto': 'http',
  };
}

function parametersOf(routeKey: string, given: unknown): Record<string, string> {
  const values = z.record(z.string(), z.string()).catch({}).parse(given);
  const greedy = /\{(\w+)\+\}/.exec(routeKey)?.[1];
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      if (name !== '*') return [[name, value]];
      return greedy ? [[greedy, value]] : [];
    }),
  );
}

function bodyOf(body: unknown, headers: Record<string, string>) {
  if (!Buffer.isBuffer(body) || body.length === 0) return { isBase64Encoded: false };
  const isText =
    /^(text\/|application\/(json|javascript|xml)\s*(;|$))/i.test(headers['content-type'] ?? '') &&
    headers['content-encoding'] === undefined;
  return { body: body.toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText };
}
