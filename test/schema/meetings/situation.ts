/** What a situation is, and how an order gets into one. */
import type { Session } from '../../../schema/samples/parameters.ts';
import type { Shop } from '../orders.ts';
import { type Arrival, links, orders, type Subject } from './arrivals.ts';

/** A state of an order, and the statements that can arrive in it: in time, again, or too late. */
export type Situation = {
  name: string;
  make(shop: Shop): Promise<Session & Partial<Subject>>;
  arrivals: Arrival[];
};

/** What was made, brought further by what arrived. */
export async function after(
  shop: Shop,
  made: Session & Partial<Subject>,
  ...arrived: Arrival[]
): Promise<Session & Partial<Subject>> {
  for (const { run } of arrived) await run(shop, subjectOf(made));
  return made;
}

const nothing = {
  checkoutId: '',
  attempt: 0,
  orderId: '',
  paymentIntentId: '',
  emailId: '',
};

/** With blanks for what is not there yet. */
export function subjectOf(made: Session & Partial<Subject>): Subject {
  const unsold = { checkoutId: '', attempt: 0, ...made };
  return { ...nothing, photos: [], second: unsold, doneEmailId: '', tokenHash: '', linkId: '', ...made };
}

/** Two photos of three have arrived, and are sold by two checkouts. */
export async function checkedOutTwice(shop: Shop) {
  const { sessionId, uploads: announced } = await shop.announced(3);
  await shop.arrive({ sessionId, uploads: announced.slice(0, 2) });
  const checkout = await shop.checkOut({ sessionId, uploads: announced }, true);
  return { ...checkout, second: await shop.checkOut(checkout, true) };
}

/** An order of two photos, for which a second checkout is open. */
export async function placedOnce(shop: Shop, paid: boolean) {
  const checkout = await shop.checkOut(await shop.arrived(2));
  const second = await shop.checkOut(checkout);
  return { ...(await shop.pay(checkout, paid)), second };
}

/** A completed order with a link to all its photos. */
export async function completedWithLink(shop: Shop) {
  const order = await shop.completed({ count: 2 });
  await links.made.run(shop, subjectOf(order));
  const [link] = await shop.rows('select id, token from download_links where order_id = $1', [order.orderId]);
  return { ...order, linkId: String(link?.id), tokenHash: String(link?.token) };
}

/** Who only looks, at any time. */
export const looks = [orders.seen, orders.stuck];
