/** Serves Stripe's API: keys, versions, idempotency and errors, the same for every route. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Faults } from './faults.ts';
import { readForm } from './form.ts';
import type { Answer, Once } from './idempotency.ts';
import type { Ledger } from './ledger.ts';
import { apiVersion } from './purchase.ts';
import { Refusal, refuse } from './refusal.ts';
import { checkoutRoutes, eventRoutes, type Handler, paymentRoutes, type Route } from './resources.ts';

export type ApiOptions = {
  ledger: Ledger;
  once: Once;
  faults: Faults;
  apiKey: string;
  /** Where the payment pages live, once the server listens. */
  pages: () => string;
  /** How long a bank takes for a debit and for its refund, in seconds. */
  bankSeconds: number;
};

/** The routes under `/v1`; any other is refused by its name. */
export function serveApi(v1: FastifyInstance, options: ApiOptions): void {
  v1.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id).header('stripe-version', apiVersion);
    checkKey(request, options.apiKey);
    checkVersion(request);
  });
  v1.setErrorHandler((error, request, reply) => {
    const { status, body } = answerOf(error, request);
    return reply.code(status).send(body);
  });
  v1.setNotFoundHandler((request) => {
    const message = `Unrecognized request URL (${request.method}: ${request.url.split('?')[0]}). The local Stripe does not implement it.`;
    throw refuse(message, { status: 404 });
  });
  const route = routeIn(v1, options);
  checkoutRoutes(route, options.ledger, options.pages);
  paymentRoutes(route, options.ledger, options.bankSeconds);
  eventRoutes(route, options.ledger);
}

type Request = FastifyRequest<{ Params: { id?: string } }>;

function routeIn(v1: FastifyInstance, { ledger, once, faults }: ApiOptions): Route {
  async function run(handler: Handler, request: Request, reply: FastifyReply): Promise<Answer> {
    const sent = request.method === 'GET' ? (request.url.split('?')[1] ?? '') : String(request.body ?? '');
    const key = request.headers['idempotency-key'];
    const moment = ledger.moment({ id: request.id, idempotency_key: typeof key === 'string' ? key : null });
    try {
      faults.strike();
      return {
        status: 200,
        body: await handler({ id: request.params.id ?? '', form: readForm(sent), moment }),
      };
    } catch (error) {
      const answer = answerOf(error, request);
      // The key would only bring the same failure again.
      if (answer.status >= 500 && key !== undefined) reply.header('stripe-should-retry', 'false');
      return answer;
    }
  }
  return (method, url, handler) =>
    v1.route<{ Params: { id?: string } }>({
      method,
      url,
      async handler(request, reply) {
        const answer = await once(request, reply, () => run(handler, request, reply));
        return reply.code(answer.status).send(answer.body);
      },
    });
}

function answerOf(error: unknown, request: FastifyRequest): Answer {
  if (error instanceof Refusal) return { status: error.status, body: error.body, early: error.early };
  request.log.error(error);
  const message = error instanceof Error ? error.message : String(error);
  return { status: 500, body: { error: { type: 'api_error', message } } };
}

function checkKey({ headers }: FastifyRequest, apiKey: string) {
  const [, given] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
  if (given === undefined) {
    const message =
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
    throw refuse(message, { status: 401, early: true });
  }
  if (given !== apiKey) {
    throw refuse(`Invalid API Key provided: ${given.slice(0, 8)}****${given.slice(-4)}`, {
      status: 401,
      early: true,
    });
  }
}

/** Its objects have the shape of one version, and it does not pretend otherwise. */
function checkVersion({ headers }: FastifyRequest) {
  const asked = headers['stripe-version'];
  if (asked !== undefined && asked !== apiVersion) {
    throw refuse(`The local Stripe speaks API version ${apiVersion}, not ${String(asked)}.`, { early: true });
  }
}
