/** Idempotency keys: the first answer, a 500 included, is kept for a day and given again. */
import type { Clock, Store } from '@restoreclick/local-aws';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from './refusal.ts';

const day = 24 * 3_600_000;

export type Answer = { status: number; body: object; early?: boolean };
/** `path` and `parameters` are those of the first request under the key. */
type Kept = Answer & { path: string; parameters: string; requestId: string; at: number };

/** Runs `act` unless its request's key has an answer already, and keeps the answer. */
export type Once = (
  request: FastifyRequest,
  reply: FastifyReply,
  act: () => Promise<Answer>,
) => Promise<Answer>;

export async function openIdempotency(store: Store, clock: Clock): Promise<Once> {
  const kept = await store.collection<Kept>('stripe-idempotency');
  const running = new Set<string>();
  for (const [key, { at }] of kept.entries()) if (at + day <= clock.now()) await kept.delete(key);

  return async (request, reply, act) => {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || request.method !== 'POST') return act();
    if (key.length > 255) {
      throw refuse('Idempotency keys may have 255 characters.', { type: 'idempotency_error', early: true });
    }
    reply.header('idempotency-key', key);
    const path = request.url;
    const parameters = canonical(request.body);
    const first = kept.get(key);
    if (first && first.at + day > clock.now()) {
      checkSame(key, first, { path, parameters });
      reply.header('idempotent-replayed', 'true').header('original-request', first.requestId);
      return { status: first.status, body: first.body };
    }
    if (running.has(key)) throw inUse(key);
    running.add(key);
    try {
      const answer = await act();
      const { status, body } = answer;
      reply.header('original-request', request.id);
      if (!answer.early)
        await kept.put(key, { status, body, path, parameters, requestId: request.id, at: clock.now() });
      return answer;
    } finally {
      running.delete(key);
    }
  };
}

/** The same parameters read the same in any order. */
function canonical(body: unknown): string {
  const pairs = new URLSearchParams(typeof body === 'string' ? body : '');
  pairs.sort();
  return pairs.toString();
}

function checkSame(key: string, first: Kept, { path, parameters }: { path: string; parameters: string }) {
  const other = `Try using a key other than '${key}' if you meant to execute a different request.`;
  if (first.path !== path) {
    const message = `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${first.path}' vs '${path}'). ${other}`;
    throw refuse(message, { type: 'idempotency_error' });
  }
  if (first.parameters !== parameters) {
    const message = `Keys for idempotent requests can only be used with the same parameters they were first used with. ${other}`;
    throw refuse(message, { type: 'idempotency_error' });
  }
}

const inUse = (key: string) =>
  refuse(
    `There is currently another in-progress request using this Stripe Idempotency Key (${key}), which probably means that you submitted twice, and the other request is still going through.`,
    { status: 409, type: 'idempotency_error', code: 'idempotency_key_in_use' },
  );
