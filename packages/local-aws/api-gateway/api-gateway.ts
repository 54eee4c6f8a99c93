/** API Gateway's HTTP API on one machine: requests become events of payload format 2.0. */
import { randomBytes } from 'node:crypto';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Clock } from '../clock/index.ts';
import type { LambdaResult } from '../lambda/index.ts';
import type { ApiModel, CorsRule, RouteModel } from '../template/index.ts';
import { readAnswer } from './answer.ts';
import { eventOf } from './event.ts';

export type ApiGateway = {
  /** Without a slash at its end. */
  url: string;
  stop(): Promise<void>;
};

type Options = {
  api: ApiModel;
  account: string;
  invoke: (functionId: string, event: unknown) => Promise<LambdaResult>;
  clock: Pick<Clock, 'now'>;
  /** Takes a line about every answer that is the gateway's own doing. */
  log: (line: string) => void;
  /** Of the wall. */
  timeoutMs?: number;
};

const longestBody = 10 * 1024 ** 2;

/** Listens on 127.0.0.1. */
export async function createApiGateway({
  port = 0,
  ...options
}: Options & { port?: number }): Promise<ApiGateway> {
  const { api, log } = options;
  const server = fastify({
    bodyLimit: longestBody,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: longestBody },
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // The event has the header as it was sent; fastify would refuse one that it cannot read.
  server.addHook('onRequest', async ({ headers }) => void delete headers['content-type']);
  if (api.cors) answerCors(api.cors, server);
  for (const route of api.routes) {
    const [method = '', path] = route.routeKey.split(' ');
    const handler = (request: FastifyRequest, reply: FastifyReply) =>
      integrate(route, request, reply, options);
    if (path === undefined) server.setNotFoundHandler(handler);
    else server.route({ method: method === 'ANY' ? anyMethod : method, url: urlOf(path), handler });
  }
  if (!api.routes.some(({ routeKey }) => routeKey === '$default')) {
    server.setNotFoundHandler((_request, reply) => own(reply, 404, 'Not Found'));
  }
  server.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
    log(`${request.method} ${request.url}: ${error.message}`);
    if (error.statusCode === 413) return own(reply, 413, 'Request Entity Too Large');
    const isTheirs = error.statusCode !== undefined && error.statusCode < 500;
    return isTheirs ? own(reply, 400, 'Bad Request') : own(reply, 500, 'Internal Server Error');
  });
  const url = await server.listen({ host: '127.0.0.1', port });
  return {
    url,
    stop: () => server.close(),
  };
}

const anyMethod = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const own = (reply: FastifyReply, status: number, message: string) =>
  reply.code(status).type('application/json').serializer(String).send(JSON.stringify({ message }));

/** `/orders/{order}` and `/files/{path+}` in the router's words. */
const urlOf = (path: string) => path.replace(/\{\w+\+\}/, '*').replace(/\{(\w+)\}/g, ':$1');

/** Preflights are answered here, whatever the routes; other answers get the headers. */
function answerCors(cors: CorsRule, server: FastifyInstance) {
  const allows = (origin: string) =>
    cors.origins.some(
      (each) =>
        each === '*' || each === origin || (each.endsWith('://*') && origin.startsWith(each.slice(0, -1))),
    );
  server.addHook('onRequest', async ({ method, headers }, reply) => {
    const { origin } = headers;
    const isPreflight = method === 'OPTIONS' && origin && headers['access-control-request-method'];
    if (origin && allows(origin)) {
      reply.header('access-control-allow-origin', cors.origins.includes('*') ? '*' : origin);
      if (cors.exposed.length > 0) reply.header('access-control-expose-headers', cors.exposed.join(','));
      if (isPreflight) {
        reply.header('access-control-allow-methods', cors.methods.join(','));
        reply.header('access-control-allow-headers', cors.headers.join(','));
        if (cors.maxAgeSeconds !== undefined) reply.header('access-control-max-age', cors.maxAgeSeconds);
      }
    }
    if (isPreflight) return reply.code(204).send();
  });
}

async function integrate(route: RouteModel, request: FastifyRequest, reply: FastifyReply, options: Options) {
  const { invoke, log, timeoutMs = 30_000 } = options;
  const requestId = `${randomBytes(11).toString('base64url')}=`;
  reply.header('apigw-requestid', requestId);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  const event = eventOf(request, { ...route, requestId, account: options.account, now: options.clock.now() });
  const result = await Promise.race([invoke(route.functionId, event), timeout]).finally(() =>
    clearTimeout(timer),
  );
  const failure = (status: number, message: string, why: string) => {
    log(`${request.method} ${request.url} by ${route.functionId}: ${why}`);
    return own(reply, status, message);
  };
  if (!result) return failure(503, 'Service Unavailable', `no answer within ${timeoutMs} ms`);
  if ('functionError' in result)
    return failure(500, 'Internal Server Error', result.functionError.errorMessage);
  const answer = readAnswer(result.payload);
  if (!answer)
    return failure(500, 'Internal Server Error', 'the answer has not the form that it should have');
  for (const [name, value] of Object.entries(answer.headers)) {
    const isCors = options.api.cors && /^access-control-/i.test(name);
    if (!isCors) reply.header(name, String(value));
  }
  if (answer.cookies.length > 0) reply.header('set-cookie', answer.cookies);
  return reply
    .code(answer.statusCode)
    .serializer((body: unknown) => body as string)
    .send(answer.body);
}
