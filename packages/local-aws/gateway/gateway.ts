/** The one address of the local AWS: verifies signatures, finds the service, writes its answers. */
import { createHash, randomUUID } from 'node:crypto';
import { type IncomingMessage, validateHeaderValue } from 'node:http';
import { Readable } from 'node:stream';
import { type FastifyReply, fastify } from 'fastify';
import type { Clock } from '../clock/index.ts';
import type { Credentials } from './credentials.ts';
import type { Iam } from './iam.ts';
import { refusalOf } from './refusal.ts';
import {
  type AwsAnswer,
  type AwsCall,
  AwsError,
  type AwsService,
  invalidAccessKeyId,
  notImplemented,
  wrongSignature,
} from './service.ts';
import { isGenuine, readSignature, type Signature, type SignedRequest } from './signature.ts';

export type Gateway = {
  /** `http://127.0.0.1:4566`, without a slash at its end. */
  url: string;
  /** @param name as in the credential scope: `s3`, `sqs`, `rds-data`, `states` … */
  serve(name: string, service: AwsService): void;
  stop(): Promise<void>;
};

type Options = {
  credentials: Credentials;
  iam: Iam;
  clock: Pick<Clock, 'now'>;
  /** Takes what went wrong inside a service: one line or stack. */
  log: (line: string) => void;
};

/** A request as it arrived, and whom it is for. */
type Arrival = {
  raw: IncomingMessage;
  request: SignedRequest;
  signature: Signature | undefined;
  name: string;
};

/** Whoever posts a form or asks for CORS: such a request is not signed, and S3 looks into it. */
export const anonymous = 'anonymous';

/** How far a signature's time may lie outside what the wall and the local clock show. */
const skewMs = 15 * 60_000;
/** The largest request of the JSON protocols is Lambda's 6 MB. */
const longestJson = 8 * 1024 ** 2;

/**
 * Listens on 127.0.0.1; services come by `serve`, since some must know the address first. Clients
 * correct themselves by the answers' Date, the local clock's; signatures by the wall's time
 * are taken as well. A presigned URL expires by the local clock.
 */
export async function createGateway({ port = 0, ...options }: Options & { port?: number }): Promise<Gateway> {
  const services = new Map<string, AwsService>();
  const server = fastify({ forceCloseConnections: true });
  // Answered before fastify looks at the body, which belongs to the service.
  server.addHook('onRequest', async ({ raw }, reply) => {
    const arrival = readArrival(raw);
    return answer(arrival, reply, services.get(arrival.name), options);
  });
  server.all('/*', () => undefined);
  const url = await server.listen({ host: '127.0.0.1', port });
  return {
    url,
    serve: (name, service) => void services.set(name, service),
    stop: () => server.close(),
  };
}

function readArrival(raw: IncomingMessage): Arrival {
  const [path = '/', ...query] = (raw.url ?? '/').split('?');
  const request: SignedRequest = {
    method: raw.method ?? 'GET',
    path,
    query: new URLSearchParams(query.join('?')),
    headers: Object.fromEntries(
      Object.entries(raw.headers).map(([name, value]) => [name, [value].flat().join(',')]),
    ),
  };
  const signature = readSignature(request);
  // Without a signature it can only be a browser on its way to S3.
  return { raw, request, signature, name: signature?.service ?? 's3' };
}

async function answer(
  arrival: Arrival,
  reply: FastifyReply,
  service: AwsService | undefined,
  options: Options,
) {
  const { status, headers, body } = await dispatch(arrival, service, options).catch((error: unknown) => {
    if (!(error instanceof AwsError)) options.log(error instanceof Error ? `${error.stack}` : String(error));
    return refusalOf(error, arrival.name, arrival.request.path);
  });
  return reply
    .code(status)
    .headers({
      date: new Date(options.clock.now()).toUTCString(),
      [arrival.name === 's3' ? 'x-amz-request-id' : 'x-amzn-requestid']: randomUUID(),
      ...headers,
    })
    .send(arrival.request.method === 'HEAD' ? undefined : body);
}

async function dispatch(
  arrival: Arrival,
  service: AwsService | undefined,
  options: Options,
): Promise<AwsAnswer> {
  const { request, name } = arrival;
  const { caller, body } = await authenticate(arrival, options);
  const operation = (request.headers['x-amz-target'] ?? '').split('.').at(-1) ?? '';
  const shown = operation || `${request.method} ${request.path}`;
  if (!service) throw notImplemented(name, shown);
  let asked = caller === anonymous;
  const call: AwsCall = {
    ...request,
    caller,
    operation,
    body,
    authorize(action, resource, context) {
      asked = true;
      options.iam.authorize(caller, action, resource, context);
    },
  };
  const result = await service(call);
  // Sent as it is, a bad one would end the whole process.
  for (const [header, value] of Object.entries(result.headers ?? {})) validateHeaderValue(header, value);
  if (!asked && result.status < 400)
    throw new Error(`The local ${name} answered ${shown} without asking whether ${caller} may do it.`);
  return result;
}

/** Who calls, and a body still to be read. */
async function authenticate(arrival: Arrival, options: Options): Promise<{ caller: string; body: Readable }> {
  const { raw, request, signature } = arrival;
  if (!signature) {
    const isForm = /^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '');
    if (request.method === 'OPTIONS' || (request.method === 'POST' && isForm))
      return { caller: anonymous, body: raw };
    throw new AwsError('AccessDenied', 'Access Denied', 403);
  }
  const secret = options.credentials.secretOf(signature.accessKeyId);
  const caller = options.credentials.callerOf(signature.accessKeyId);
  const isS3 = signature.service === 's3';
  if (secret === undefined || caller === undefined) throw unknownKey(signature);
  const stated = request.headers['x-amz-content-sha256'];
  const bytes = isS3 ? undefined : await readAll(raw);
  // S3 compares the body with the hash it was signed with while it reads it.
  const hash = bytes ? createHash('sha256').update(bytes).digest('hex') : (stated ?? 'UNSIGNED-PAYLOAD');
  const isGood = (stated ?? hash) === hash && (await isGenuine(request, signature, secret, hash));
  if (!isGood) throw wrongSignature(isS3 ? 'SignatureDoesNotMatch' : 'InvalidSignatureException');
  checkTime(signature, options.clock.now());
  return { caller, body: bytes ? Readable.from([bytes]) : raw };
}

function unknownKey({ service, accessKeyId }: Signature) {
  if (service === 's3') return invalidAccessKeyId(accessKeyId);
  const message = 'The security token included in the request is invalid.';
  return new AwsError('UnrecognizedClientException', message, 403);
}

function checkTime({ signedAt, expiresInSeconds, service }: Signature, now: number) {
  const [earliest, latest] = [Math.min(now, Date.now()) - skewMs, Math.max(now, Date.now()) + skewMs];
  if (expiresInSeconds !== undefined) {
    if (now > signedAt + expiresInSeconds * 1000)
      throw new AwsError('AccessDenied', 'Request has expired', 403, {
        'X-Amz-Expires': String(expiresInSeconds),
        Expires: new Date(signedAt + expiresInSeconds * 1000).toISOString(),
        ServerTime: new Date(now).toISOString(),
      });
    if (signedAt > latest) throw new AwsError('AccessDenied', 'Request is not valid yet', 403);
  } else if (signedAt < earliest || signedAt > latest) {
    const message = 'The difference between the request time and the current time is too large.';
    throw service === 's3'
      ? new AwsError('RequestTimeTooSkewed', message, 403)
      : new AwsError('InvalidSignatureException', `Signature expired: ${message}`, 403);
  }
}

async function readAll(raw: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of raw.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > longestJson)
      throw new AwsError('RequestEntityTooLargeException', 'The request is too large.', 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
