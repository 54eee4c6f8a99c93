/** The routes of Stripe's API that the product and its operators call. */
import { z } from 'zod';
import { expand, type Form, flag, metadata, readParameters, text } from './form.ts';
import type { Ledger } from './ledger.ts';
import {
  created,
  expanded,
  isWithin,
  type ListParameters,
  listPage,
  pageParameters,
  type Resolve,
} from './listing.ts';
import type { Moment, Purchase } from './purchase.ts';
import { refund, refundParameters } from './refund.ts';
import { missing, refuse } from './refusal.ts';
import { expireCheckout, openCheckout, sessionParameters } from './session.ts';

/** One call: the id in its path, its parameters, and its moment. */
export type Call = { id: string; form: Form; moment: Moment };
export type Handler = (call: Call) => Promise<object> | object;
/** Adds a route, its address below `/v1`. */
export type Route = (method: 'GET' | 'POST', url: string, handler: Handler) => void;

const onlyExpand = z.strictObject({ expand });

/** @param pages where the payment pages live, once the server listens */
export function checkoutRoutes(route: Route, ledger: Ledger, pages: () => string): void {
  const { get, list, show } = reading(ledger);
  const session = (id: string) => get('checkout.session', id, (purchase) => [purchase.session]);

  route('POST', '/checkout/sessions', async ({ form, moment }) => {
    const asked = readParameters(sessionParameters, form);
    const purchase = openCheckout(asked, moment, pages());
    await ledger.save(purchase);
    return show(purchase.session, asked.expand);
  });
  route('GET', '/checkout/sessions', ({ form }) => {
    const asked = readParameters(
      z.strictObject({
        ...pageParameters,
        payment_intent: text.optional(),
        status: z.enum(['open', 'complete', 'expired']).optional(),
        created: created.optional(),
      }),
      form,
    );
    const all = ledger
      .purchases()
      .filter(({ session }) => asked.status === undefined || session.status === asked.status)
      .filter(({ session }) => isWithin(session.created, asked.created))
      .filter(({ intent }) => asked.payment_intent === undefined || intent?.id === asked.payment_intent)
      .map((purchase) => purchase.session);
    return list('/v1/checkout/sessions', all.reverse(), asked);
  });
  route('GET', '/checkout/sessions/:id', ({ id, form }) =>
    show(session(id).object, readParameters(onlyExpand, form).expand),
  );
  route('GET', '/checkout/sessions/:id/line_items', ({ id, form }) => {
    const asked = readParameters(z.strictObject(pageParameters), form);
    return list(`/v1/checkout/sessions/${id}/line_items`, session(id).purchase.lineItems, asked);
  });
  route('POST', '/checkout/sessions/:id/expire', async ({ id, form, moment }) => {
    const asked = readParameters(onlyExpand, form);
    const purchase = expireCheckout(session(id).purchase, moment);
    await ledger.save(purchase);
    return show(purchase.session, asked.expand);
  });
}

/** @param bankSeconds how long a bank takes for a refund */
export function paymentRoutes(route: Route, ledger: Ledger, bankSeconds: number): void {
  const { get, list, show } = reading(ledger);
  const one = (url: string, kind: string, of: (purchase: Purchase) => { id: string }[]) =>
    route('GET', `/${url}/:id`, ({ id, form }) =>
      show(get(kind, id, of).object, readParameters(onlyExpand, form).expand),
    );
  one('payment_intents', 'payment_intent', ({ intent }) => (intent ? [intent] : []));
  route('POST', '/payment_intents/:id', async ({ id, form }) => {
    const asked = readParameters(z.strictObject({ metadata: metadata.default({}), expand }), form);
    const { purchase, object } = get('payment_intent', id, ({ intent }) => (intent ? [intent] : []));
    const intent = { ...object, metadata: { ...object.metadata, ...asked.metadata } };
    await ledger.save({ ...purchase, intent });
    return show(intent, asked.expand);
  });
  one('charges', 'charge', ({ charges }) => charges);
  one('refunds', 'refund', ({ refunds }) => refunds);
  one('disputes', 'dispute', ({ disputes }) => disputes);

  route('POST', '/refunds', async ({ form, moment }) => {
    const asked = readParameters(refundParameters, form);
    const refunded = refund(purchaseOf(asked, ledger), asked, moment, moment.now + bankSeconds);
    await ledger.save(refunded);
    return show(refunded.refunds.at(-1) ?? {}, asked.expand);
  });
  const asking = z.strictObject({
    ...pageParameters,
    payment_intent: text.optional(),
    charge: text.optional(),
  });
  const several = (kind: 'refunds' | 'disputes') =>
    route('GET', `/${kind}`, ({ form }) => {
      const asked = readParameters(asking, form);
      const all = ledger
        .purchases()
        .flatMap((purchase): Movement[] => purchase[kind])
        .filter((one) => asked.payment_intent === undefined || one.payment_intent === asked.payment_intent)
        .filter((one) => asked.charge === undefined || one.charge === asked.charge);
      return list(
        `/v1/${kind}`,
        all.reverse().sort((a, b) => b.created - a.created),
        asked,
      );
    });
  several('refunds');
  several('disputes');
}

/** What a refund and a dispute have in common. */
type Movement = { id: string; created: number; payment_intent: unknown; charge: unknown };

const eventParameters = z.strictObject({
  ...pageParameters,
  created: created.optional(),
  delivery_success: flag.optional(),
  type: text.optional(),
  types: z.array(text).max(20).optional(),
});

export function eventRoutes(route: Route, ledger: Ledger): void {
  const { get, list, show } = reading(ledger);
  route('GET', '/events/:id', ({ id, form }) => {
    const { object } = get('event', id, ({ deliveries }) => deliveries.map(({ event }) => event));
    return show(object, readParameters(onlyExpand, form).expand);
  });
  route('GET', '/events', ({ form }) => {
    const asked = readParameters(eventParameters, form);
    const success = asked.delivery_success;
    const events = ledger
      .deliveries()
      .filter(({ deliveredAt }) => success === undefined || (deliveredAt !== null) === success)
      .map(({ event }) => event)
      .filter(({ type }) => asked.type === undefined || type === asked.type)
      .filter(({ type }) => asked.types === undefined || asked.types.includes(type))
      .filter((event) => isWithin(event.created, asked.created));
    return list('/v1/events', events, asked);
  });
}

function purchaseOf({ payment_intent, charge }: z.output<typeof refundParameters>, ledger: Ledger): Purchase {
  const id = payment_intent ?? charge;
  if (id === undefined) {
    const message =
      'One of the following params should be provided for this request: payment_intent or charge.';
    throw refuse(message, { early: true });
  }
  const kind = payment_intent === undefined ? 'charge' : 'payment_intent';
  const purchase = ledger.find(id);
  const inIt =
    kind === 'charge' ? purchase?.charges.some((one) => one.id === id) : purchase?.intent?.id === id;
  if (!purchase || !inIt) throw missing(kind, id, kind);
  return purchase;
}

/** How every route finds and shows what it answers. */
function reading(ledger: Ledger) {
  const resolve = resolveIn(ledger);
  return {
    /** The object of that id and its purchase; a 404 if it is not one of `of`. */
    get<T extends { id: string }>(kind: string, id: string, of: (purchase: Purchase) => T[]) {
      const purchase = ledger.find(id);
      const object = purchase && of(purchase).find((one) => one.id === id);
      if (!purchase || !object) throw missing(kind, id, kind.replace('checkout.', ''));
      return { purchase, object };
    },
    list: <T extends { id: string }>(url: string, all: T[], asked: ListParameters) =>
      expanded(listPage(url, all, asked), asked.expand, resolve),
    show: (object: object, paths: string[]) => expanded(object, paths, resolve),
  };
}

/** What an expansion finds: a session's line items, or the object whose id the field holds. */
function resolveIn(ledger: Ledger): Resolve {
  return (owner, field) => {
    const value: unknown = Reflect.get(owner, field);
    if (field === 'line_items' && Reflect.get(owner, 'object') === 'checkout.session') {
      const id = String(Reflect.get(owner, 'id'));
      const items = ledger.find(id)?.lineItems ?? [];
      return listPage(`/v1/checkout/sessions/${id}/line_items`, items, { limit: 10 });
    }
    const purchase = typeof value === 'string' ? ledger.find(value) : undefined;
    if (!purchase) return undefined;
    const { session, intent, charges, refunds, disputes } = purchase;
    return (
      [session, intent, ...charges, ...refunds, ...disputes].find((one) => one?.id === value) ?? undefined
    );
  };
}
