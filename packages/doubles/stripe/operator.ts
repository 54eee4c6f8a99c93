/** What an operator can make happen: endpoints under `/double`, and a page with their buttons. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Courier } from './courier.ts';
import { closeDispute, openDispute } from './dispute.ts';
import type { Faults } from './faults.ts';
import { type Form, readForm, readParameters, whole } from './form.ts';
import type { Ledger } from './ledger.ts';
import { operatorPage } from './operator-page.ts';
import { settleDebit } from './payment.ts';
import type { Moment, Purchase } from './purchase.ts';
import { refund, refundParameters, settleRefund } from './refund.ts';
import { missing, Refusal } from './refusal.ts';
import { expireCheckout } from './session.ts';

export type OperatorOptions = {
  ledger: Ledger;
  courier: Courier;
  faults: Faults;
  webhookUrl: string;
  /** How long a bank takes for a refund, in seconds. */
  bankSeconds: number;
};

type Change = (purchase: Purchase, form: Form, moment: Moment, id: string) => Purchase;

const plan = z.strictObject({ status: whole.default(500), count: whole.default(1) });

/** What each endpoint does to the purchase that the id in its path belongs to. */
const changes = (bankSeconds: number): Record<string, Change> => ({
  'payments/:id/refund': (purchase, { amount, ...form }, moment) => {
    // A browser posts the empty field of its form.
    const asked = readParameters(
      refundParameters,
      amount === '' || amount === undefined ? form : { ...form, amount },
    );
    return refund(purchase, asked, moment, moment.now + bankSeconds);
  },
  'payments/:id/dispute': (purchase, _form, moment) => openDispute(purchase, moment),
  'refunds/:id/succeed': (purchase, _form, moment, id) => settleRefund(purchase, id, 'succeeded', moment),
  'refunds/:id/fail': (purchase, _form, moment, id) => settleRefund(purchase, id, 'failed', moment),
  'disputes/:id/close': (purchase, form, moment, id) => {
    const { status } = readParameters(z.strictObject({ status: z.enum(['won', 'lost']) }), form);
    return closeDispute(purchase, id, status, moment);
  },
  'sessions/:id/settle': (purchase, form, moment) => {
    const { outcome } = readParameters(z.strictObject({ outcome: z.enum(['succeeded', 'failed']) }), form);
    return settleDebit(purchase, moment, outcome);
  },
  'sessions/:id/expire': (purchase, _form, moment) => expireCheckout(purchase, moment),
});

export function serveOperator(app: FastifyInstance, options: OperatorOptions): void {
  const { ledger, courier, faults, webhookUrl, bankSeconds } = options;

  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof Refusal) return reply.code(error.status).send(error.body);
    throw error;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const browser = request.headers.accept?.includes('text/html') ?? false;
    if (request.method === 'POST' && browser && reply.statusCode === 200)
      reply.code(303).header('location', '/');
    return payload;
  });

  app.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(operatorPage(ledger.purchases(), webhookUrl)),
  );
  for (const [route, change] of Object.entries(changes(bankSeconds))) {
    app.post<{ Params: { id: string } }>(`/double/${route}`, async ({ params: { id }, body }) => {
      const purchase = ledger.find(id);
      if (!purchase) throw missing('object', id, 'id');
      const next = change(purchase, readForm(String(body ?? '')), ledger.moment(), id);
      await ledger.save(next);
      const { session, intent, refunds, disputes } = next;
      return { session, payment_intent: intent, refunds, disputes };
    });
  }
  app.post<{ Params: { id: string } }>('/double/events/:id/resend', async ({ params: { id } }) => {
    const found = ledger.deliveries().find(({ event }) => event.id === id);
    if (!found) throw missing('event', id, 'id');
    courier.resend(id);
    return found.event;
  });
  app.post('/double/faults', async ({ body }) => {
    const { status, count } = readParameters(plan, readForm(String(body ?? '')));
    faults.plan(status, count);
    return { status, count };
  });
}
