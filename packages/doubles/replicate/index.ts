/** Replicate's double: API, files, a page for people, faults to order. It really restores. */
import { timingSafeEqual } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { Clock, Store } from '@restoreclick/local-aws';
import fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';
import { problem, serveApi, unauthenticated } from './api.ts';
import { createFaults, type Faults, order } from './faults.ts';
import { type CreateLimit, createLimit, limitOrder } from './limit.ts';
import { servePage } from './page.ts';
import type { Prediction } from './prediction.ts';
import { createPredictions, type Predictions } from './predictions.ts';
import { createWebhooks } from './webhooks.ts';

export { restorePhoto } from './restore-photo.ts';

export type ReplicateOptions = {
  store: Store;
  /** Where pictures lie while they are kept; made if it is not there. */
  folder: string;
  clock: Clock;
  /** 0 for any free port. */
  port: number;
  /** The only token that is let in. */
  apiToken: string;
  log: (line: string) => void;
  /** How long a prediction takes at least, by the clock; 4 by default. */
  seconds?: number;
};

export type Replicate = {
  /** Such as `http://127.0.0.1:4560`; the API lies under `/v1`. */
  url: string;
  close(): Promise<void>;
};

export async function createReplicate(options: ReplicateOptions): Promise<Replicate> {
  const { store, folder, clock, apiToken, log, seconds = 4 } = options;
  const address = { url: '' };
  const url = () => address.url;
  const closing = new AbortController();
  const faults = createFaults();
  const limit = createLimit(clock);
  const server = fastify({ forceCloseConnections: true, bodyLimit: 2 ** 20 });

  // Replicate's client calls an empty body JSON, too.
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? {} : JSON.parse(String(body)));
    } catch (error) {
      done(Object.assign(error as Error, { statusCode: 400 }));
    }
  });
  await mkdir(folder, { recursive: true });
  const webhooks = await createWebhooks({ store, clock, url, log, signal: closing.signal });
  const kept = await store.collection<Prediction>('replicate.predictions');
  const predictions = createPredictions({ kept, folder, clock, seconds, log, announce: webhooks.send });
  await server.register(async (api) => {
    requireToken(api, apiToken);
    serveApi(api, { predictions, faults, limit, url, webhookSecret: webhooks.secret });
  });
  serveDelivery(server, predictions);
  serveFaults(server, faults, limit);
  servePage(server, { predictions, faults, clock });
  server.setNotFoundHandler((request, reply) => {
    const detail = `The local Replicate does not implement ${request.method} ${request.url}.`;
    return problem(reply, 501, { title: 'Not implemented', detail });
  });
  address.url = await server.listen({ host: '127.0.0.1', port: options.port });
  predictions.resume();
  return {
    url: address.url,
    async close() {
      closing.abort();
      await server.close();
      await predictions.close();
    },
  };
}

function requireToken(api: FastifyInstance, apiToken: string): void {
  const expected = Buffer.from(`Bearer ${apiToken}`);
  api.addHook('onRequest', async (request, reply) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return problem(reply, 401, unauthenticated);
    }
  });
}

/** What Replicate serves from `replicate.delivery`: without a token, until it is forgotten. */
function serveDelivery(server: FastifyInstance, predictions: Predictions): void {
  server.get<{ Params: { id: string; file: string } }>('/delivery/:id/:file', async (request, reply) => {
    const { id, file } = request.params;
    const prediction = predictions.get(id);
    const bytes = prediction?.outputFile === file ? await predictions.file(id, file) : undefined;
    if (!bytes)
      return problem(reply, 404, { title: 'Not found', detail: 'There is no such file, or it has expired.' });
    return reply.type(file.endsWith('.jpg') ? 'image/jpeg' : 'image/png').send(bytes);
  });
}

/** For testers; what to post is in the README. */
function serveFaults(server: FastifyInstance, faults: Faults, limit: CreateLimit): void {
  server.get('/double/faults', () => faults.pending());
  server.delete('/double/faults', (_request, reply) => {
    faults.clear();
    return reply.code(204).send();
  });
  server.post('/double/faults', (request, reply) => {
    const wanted = order.safeParse(request.body);
    if (!wanted.success) {
      return problem(reply, 400, { title: 'No such fault', detail: z.prettifyError(wanted.error) });
    }
    faults.order(wanted.data);
    return reply.code(201).send(faults.pending());
  });
  server.put('/double/limit', (request, reply) => {
    const wanted = limitOrder.safeParse(request.body);
    if (!wanted.success) {
      return problem(reply, 400, { title: 'No such limit', detail: z.prettifyError(wanted.error) });
    }
    limit.set(wanted.data);
    return limit.current();
  });
}
