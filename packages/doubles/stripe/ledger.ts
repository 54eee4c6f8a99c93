/** Holds the purchases; each change is written in one piece before anybody hears of it. */
import { randomBytes } from 'node:crypto';
import type { Clock, Store } from '@restoreclick/local-aws';
import type { Delivery, Moment, Purchase } from './purchase.ts';

/** Makes an id with that prefix, such as `evt_…`. */
export type Ids = (prefix: string) => string;

export type Ledger = {
  /** The purchase that holds an object of that id. */
  find(id: string): Purchase | undefined;
  /** In the order in which they were opened. */
  purchases(): Purchase[];
  /** Newest first. */
  deliveries(): Delivery[];
  moment(request?: Moment['request']): Moment;
  /** Resolves once it is durable. No `await` may stand between the look at it and this call. */
  save(purchase: Purchase): Promise<void>;
  /** `listener` hears of every purchase once it is durable. */
  onSaved(listener: (purchase: Purchase) => void): void;
};

/** 24 letters and digits, as long as Stripe's. */
export const randomId: Ids = (prefix) =>
  `${prefix}_${BigInt(`0x${randomBytes(20).toString('hex')}`)
    .toString(36)
    .padStart(31, '0')
    .slice(-24)}`;

export async function openLedger(store: Store, clock: Clock, ids: Ids): Promise<Ledger> {
  const collection = await store.collection<Purchase>('stripe-purchases');
  const purchases = new Map(collection.entries());
  /** The purchase of every object. */
  const owner = new Map<string, string>();
  const writing = new Map<string, Promise<void>>();
  const listeners: ((purchase: Purchase) => void)[] = [];
  let lastOrder = 0;

  function index(purchase: Purchase) {
    for (const id of idsIn(purchase)) owner.set(id, purchase.session.id);
    for (const { order } of purchase.deliveries) lastOrder = Math.max(lastOrder, order);
  }
  for (const purchase of purchases.values()) index(purchase);

  /** One after the other for each purchase, so that an older state never lands on a newer one. */
  function write(id: string): Promise<void> {
    const before = writing.get(id) ?? Promise.resolve();
    const written = before
      .catch(() => {})
      .then(async () => {
        const purchase = purchases.get(id);
        if (purchase) await collection.put(id, purchase);
      });
    writing.set(id, written);
    return written;
  }

  return {
    find: (id) => purchases.get(owner.get(id) ?? ''),
    purchases: () => [...purchases.values()],
    deliveries: () =>
      [...purchases.values()].flatMap(({ deliveries }) => deliveries).sort((a, b) => b.order - a.order),
    moment: (request = { id: null, idempotency_key: null }) => ({
      now: Math.floor(clock.now() / 1000),
      id: ids,
      order: () => ++lastOrder,
      request,
    }),
    async save(purchase) {
      const { id } = purchase.session;
      purchases.set(id, purchase);
      index(purchase);
      await write(id);
      const saved = purchases.get(id);
      if (saved) for (const listener of listeners) listener(saved);
    },
    onSaved: (listener) => void listeners.push(listener),
  };
}

function idsIn({ session, intent, charges, refunds, disputes, deliveries }: Purchase): string[] {
  const objects = [session, ...(intent ? [intent] : []), ...charges, ...refunds, ...disputes];
  return [...objects, ...deliveries.map(({ event }) => event)].map(({ id }) => id);
}
