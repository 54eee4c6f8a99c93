/** Replicate's HTTP API, as far as the product calls it. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Call, type Faults, isOfPrediction } from './faults.ts';
import type { CreateLimit } from './limit.ts';
import { invalidFields, type Model, modelNamed, modelOfVersion } from './models.ts';
import { type Prediction, present } from './prediction.ts';
import type { Predictions } from './predictions.ts';

const pageSize = 100;

const isWebhookUrl = (url: string) => /^(https:|http:\/\/(127\.0\.0\.1|localhost)[:/])/.test(url);

const creation = z.object({
  version: z.string().optional(),
  input: z.record(z.string(), z.unknown()),
  webhook: z.url().refine(isWebhookUrl, 'must be an HTTPS URL').optional(),
  webhook_events_filter: z.array(z.enum(['start', 'output', 'logs', 'completed'])).optional(),
});

const listing = z.strictObject({
  cursor: z.string().optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
});

type Api = {
  predictions: Predictions;
  faults: Faults;
  limit: CreateLimit;
  url: () => string;
  webhookSecret: string;
};

/** Registers the routes on a server that has already checked the token. */
export function serveApi(
  server: FastifyInstance,
  { predictions, faults, limit, url, webhookSecret }: Api,
): void {
  const shown = (prediction: Prediction | undefined, reply: FastifyReply) =>
    prediction ? present(prediction, url()) : problem(reply, 404, notFound);

  async function create(model: Model | undefined, request: FastifyRequest, reply: FastifyReply) {
    const body = creation.safeParse(request.body);
    if (!body.success) return invalid(reply, body.error, request.body);
    const wanted = model ?? modelOfVersion(body.data.version ?? '');
    if (!wanted) return problem(reply, 422, unknownVersion);
    const input = wanted.input.safeParse(body.data.input);
    if (!input.success) return invalid(reply, input.error, body.data.input);
    const cancelAfterMs = duration(String(request.headers['cancel-after'] ?? ''));
    const prediction = await predictions.create({
      model: wanted.name,
      version: wanted.version,
      input: input.data,
      webhookEvents: body.data.webhook_events_filter ?? ['output', 'completed'],
      ...(body.data.webhook && { webhook: body.data.webhook }),
      ...(cancelAfterMs && { cancelAfterMs }),
      ...(request.predictionFault && { fault: request.predictionFault }),
    });
    if (request.answerLost) return cut(reply);
    return reply.code(201).send(present(prediction, url()));
  }

  const striking = (call: Call) => ({ preHandler: strike(faults, limit, call) });
  server.decorateRequest('predictionFault');
  server.decorateRequest('answerLost', false);
  server.post<{ Params: { owner: string; name: string } }>(
    '/v1/models/:owner/:name/predictions',
    striking('create'),
    (request, reply) => {
      const model = modelNamed(`${request.params.owner}/${request.params.name}`);
      return model ? create(model, request, reply) : problem(reply, 404, notFound);
    },
  );
  server.post('/v1/predictions', striking('create'), (request, reply) => create(undefined, request, reply));
  server.get<{ Params: { id: string } }>('/v1/predictions/:id', striking('get'), (request, reply) =>
    shown(predictions.get(request.params.id), reply),
  );
  server.post<{ Params: { id: string } }>(
    '/v1/predictions/:id/cancel',
    striking('cancel'),
    async (request, reply) => shown(await predictions.cancel(request.params.id), reply),
  );
  server.get('/v1/predictions', striking('list'), (request, reply) => {
    const query = listing.safeParse(request.query);
    if (!query.success)
      return problem(reply, 400, { title: 'Bad request', detail: z.prettifyError(query.error) });
    return list(predictions.newestFirst(), query.data, url());
  });
  server.get('/v1/webhooks/default/secret', () => ({ key: webhookSecret }));
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What is to go wrong with the prediction that this call creates. */
    predictionFault?: string;
    /** Whether the effect happens but the connection is cut before the answer. */
    answerLost: boolean;
  }
}

/** Makes a call fail as ordered, before it has any effect; or notes what is to happen after. */
function strike(faults: Faults, limit: CreateLimit, call: Call) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const wait = call === 'create' ? limit.take() : 0;
    if (wait > 0) return throttle(reply, wait, limit.current());
    const fault = faults.strike(call);
    if (fault === 'throttled') return throttle(reply, 30);
    if (fault === 'out-of-credit') return problem(reply, 402, noCredit);
    if (fault === 'unavailable')
      return problem(reply, 503, { title: 'Service unavailable', detail: 'Try again.' });
    if (fault === 'cut') return cut(reply);
    if (fault === 'no-answer') return reply.hijack();
    if (fault === 'lost-answer') request.answerLost = true;
    if (fault && isOfPrediction(fault)) request.predictionFault = fault;
  };
}

function cut(reply: FastifyReply) {
  reply.hijack();
  reply.raw.destroy();
  return reply;
}

/** In the words seen of it; an account with little credit is told its limit, too. */
function throttle(reply: FastifyReply, seconds: number, limit?: { perMinute: number; burst: number }) {
  const reduced =
    limit && limit.perMinute < 600
      ? ` Your rate limit for creating predictions is reduced to ${limit.perMinute} requests per minute with a burst of ${limit.burst} requests while you have less than $5.0 in credit.`
      : '';
  const detail = `Request was throttled.${reduced} Your rate limit resets in ~${seconds}s.`;
  const members = { detail, status: 429, retry_after: seconds };
  return reply.code(429).header('retry-after', String(seconds)).send(members);
}

export function problem(reply: FastifyReply, status: number, members: { title: string; detail: string }) {
  return reply
    .code(status)
    .type('application/problem+json')
    .send({ ...members, status });
}

function invalid(reply: FastifyReply, error: z.ZodError, input: unknown) {
  const given = input && typeof input === 'object' ? { ...input } : {};
  const fields = invalidFields(error, given);
  return reply
    .code(422)
    .type('application/problem+json')
    .send({
      title: 'Input validation failed',
      detail: fields.map(({ field, description }) => `- ${field}: ${description}\n`).join(''),
      status: 422,
      invalid_fields: fields,
    });
}

/** One page, newest first; a cursor names the prediction after which it goes on. */
function list(newestFirst: Prediction[], query: z.output<typeof listing>, url: string) {
  const { cursor = '', created_after: after } = query;
  const all = newestFirst.filter(({ createdAt }) => !after || Date.parse(createdAt) >= Date.parse(after));
  const start = all.findIndex(({ id }) => id === Buffer.from(cursor, 'base64url').toString()) + 1;
  const results = all.slice(start, start + pageSize);
  const edge = Buffer.from(results.at(-1)?.id ?? '').toString('base64url');
  const parameters = new URLSearchParams({ cursor: edge, ...(after && { created_after: after }) });
  return {
    previous: null,
    next: start + results.length < all.length ? `${url}/v1/predictions?${parameters}` : null,
    results: results.map((prediction) => present(prediction, url)),
  };
}

/** `Cancel-After` in ms: `90`, `90s`, `1h30m45s`; at least 5 s. */
function duration(text: string): number | undefined {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?$/.exec(text);
  if (!match || text === '') return undefined;
  const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return Math.max(5, (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0)) * 1000;
}

const notFound = { title: 'Not found', detail: 'The requested resource could not be found.' };
const noCredit = {
  title: 'Insufficient credit',
  detail: 'You have insufficient credit to run this model. Add credit, wait a few minutes, and try again.',
};
const unknownVersion = {
  title: 'Invalid version or not permitted',
  detail: 'The specified version does not exist (or perhaps you do not have permission to use it?)',
};
export const unauthenticated = {
  title: 'Unauthenticated',
  detail: 'You did not pass a valid authentication token',
};
