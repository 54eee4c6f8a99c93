/** The situations that an order passes through, and the statements that can arrive in each: in time, again, or too late. */
import type { Session, Shop } from '../orders.ts';
import { type Arrival, emails, links, orders, payments, photos, type Subject, uploads } from './arrivals.ts';

export type Situation = {
  name: string;
  make(shop: Shop): Promise<Session & Partial<Subject>>;
  arrivals: Arrival[];
};

/** What was made, brought further by what arrived. */
async function after(
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
  orderNumber: '',
  paymentIntentId: '',
  emailId: '',
};

/** With blanks for what is not there yet. */
export function subjectOf(made: Session & Partial<Subject>): Subject {
  const unsold = { checkoutId: '', attempt: 0, ...made };
  return { ...nothing, photos: [], second: unsold, doneEmailId: '', tokenHash: '', linkId: '', ...made };
}

/** Two photos of three have arrived, and are sold by two checkouts. */
async function checkedOutTwice(shop: Shop) {
  const { sessionId, uploads: announced } = await shop.announced(3);
  await shop.arrive({ sessionId, uploads: announced.slice(0, 2) });
  const checkout = await shop.checkOut({ sessionId, uploads: announced }, true);
  return { ...checkout, second: await shop.checkOut(checkout, true) };
}

/** An order of two photos, for which a second checkout is open. */
async function placedOnce(shop: Shop, paid: boolean) {
  const checkout = await shop.checkOut(await shop.arrived(2));
  const second = await shop.checkOut(checkout);
  return { ...(await shop.pay(checkout, paid)), second };
}

/** A completed order with a link to all its photos. */
async function completedWithLink(shop: Shop) {
  const order = await shop.completed({ count: 2 });
  await links.made.run(shop, subjectOf(order));
  const [link] = await shop.rows('select id, token from download_links where order_id = $1', [order.orderId]);
  return { ...order, linkId: String(link?.id), tokenHash: String(link?.token) };
}

const { settled } = payments;
const looks = [orders.seen, orders.stuck];

export const sales: Situation[] = [
  {
    name: 'two photos are announced',
    make: (shop) => shop.announced(2),
    arrivals: [
      uploads.recorded(0),
      uploads.recorded(1),
      uploads.refused(0),
      uploads.expired(0),
      uploads.late,
      uploads.seen,
      payments.frozen,
      payments.frozenAsFar,
    ],
  },
  {
    name: 'one photo of two has arrived',
    make: async (shop) => after(shop, await shop.announced(2), uploads.recorded(0)),
    arrivals: [
      uploads.recorded(0),
      uploads.replaced(0),
      uploads.recorded(1),
      uploads.refused(0),
      uploads.refused(1),
      uploads.expired(0),
      uploads.late,
      uploads.seen,
      payments.frozen,
      payments.frozenAsFar,
    ],
  },
  {
    name: 'two photos of three are in two checkouts',
    make: checkedOutTwice,
    arrivals: [
      uploads.replaced(0),
      uploads.recorded(2),
      uploads.refused(0),
      uploads.expired(0),
      uploads.late,
      uploads.seen,
      payments.frozenAsFar,
      payments.recorded,
      payments.recordedSecond,
      payments.placed,
      payments.placedUnpaid,
      payments.placedSecond,
      settled('paid'),
      orders.claimed,
    ],
  },
  {
    name: 'an order waits for its money',
    make: (shop) => placedOnce(shop, false),
    arrivals: [
      uploads.replaced(0),
      uploads.expired(0),
      uploads.seen,
      payments.frozen,
      payments.placedUnpaid,
      payments.placedSecond,
      settled('paid'),
      settled('failed'),
      payments.kept(0),
      payments.kept(1),
      payments.unkept(0),
      payments.unkept(1),
      orders.claimed,
      emails.confirmationClaimed,
      ...looks,
    ],
  },
  {
    name: 'an order is paid, its photos are to be kept',
    make: (shop) => placedOnce(shop, true),
    arrivals: [
      uploads.replaced(0),
      uploads.refused(0),
      uploads.expired(0),
      payments.frozen,
      payments.placed,
      payments.placedSecond,
      settled('paid'),
      settled('disputed'),
      settled('refunded'),
      payments.kept(0),
      payments.kept(1),
      payments.unkept(0),
      payments.unkept(1),
      orders.claimed,
      orders.completed,
      emails.confirmationClaimed,
      ...looks,
    ],
  },
  {
    name: 'photos are kept, their jobs wait',
    make: (shop) => shop.kept(),
    arrivals: [
      payments.placed,
      settled('partially_refunded'),
      settled('disputed'),
      settled('refunded'),
      payments.kept(0),
      payments.unkept(0),
      photos.claimed(0),
      photos.claimed(1),
      photos.failed(0),
      orders.completed,
      links.madeForOne,
      ...looks,
    ],
  },
  {
    name: 'jobs wait, the payment is disputed',
    make: async (shop) => after(shop, await shop.kept(), settled('disputed')),
    arrivals: [
      payments.placed,
      settled('paid'),
      settled('refunded'),
      payments.kept(0),
      photos.claimed(0),
      photos.claimed(1),
      orders.completed,
      ...looks,
    ],
  },
];

export const restorations: Situation[] = [
  {
    name: 'jobs are claimed',
    make: (shop) => shop.claimed(),
    arrivals: [
      settled('disputed'),
      settled('refunded'),
      payments.kept(0),
      photos.claimed(0),
      photos.takenOver(0),
      photos.submitted(0),
      photos.submitted(1),
      photos.failed(0, { retryable: true }),
      photos.failed(0),
      orders.completed,
      ...looks,
    ],
  },
  {
    name: 'two photos are being restored',
    make: (shop) => shop.processing(),
    arrivals: [
      settled('refunded'),
      payments.kept(0),
      photos.claimed(0),
      photos.submitted(0),
      photos.restored(0),
      photos.restored(1),
      photos.failed(0, { retryable: true }),
      photos.failed(0),
      photos.failed(1),
      orders.completed,
      links.madeForOne,
      ...looks,
    ],
  },
  {
    name: 'an attempt has failed, the next one waits',
    make: async (shop) => after(shop, await shop.processing(), photos.failed(0, { retryable: true })),
    arrivals: [
      settled('refunded'),
      photos.claimed(0),
      photos.claimed(0, 2),
      photos.submitted(0),
      photos.restored(0),
      photos.restored(1),
      photos.failed(0, { retryable: true }),
      photos.failed(0, { attempt: 2 }),
      orders.completed,
      ...looks,
    ],
  },
  {
    name: 'one photo is left open',
    make: async (shop) => after(shop, await shop.processing(), photos.restored(0)),
    arrivals: [
      settled('refunded'),
      photos.restored(0),
      photos.restored(1),
      photos.failed(0),
      photos.failed(1, { retryable: true }),
      photos.failed(1),
      orders.completed,
      orders.shared,
      links.made,
      links.madeForOne,
      ...looks,
    ],
  },
  {
    name: 'an order is refunded while it is worked on',
    make: async (shop) =>
      after(shop, await shop.kept(), photos.claimed(0), photos.submitted(0), settled('refunded')),
    arrivals: [
      settled('refunded'),
      settled('partially_refunded'),
      payments.cancelled,
      payments.kept(1),
      photos.restored(0),
      photos.failed(0, { retryable: true }),
      photos.failed(0),
      photos.claimed(1),
      photos.failed(1),
      orders.completed,
      ...looks,
    ],
  },
  {
    name: 'all photos have ended',
    make: (shop) => shop.allRestored(),
    arrivals: [
      settled('disputed'),
      settled('refunded'),
      photos.restored(1),
      photos.failed(1),
      orders.completed,
      orders.shared,
      links.made,
      ...looks,
    ],
  },
];

export const deliveries: Situation[] = [
  {
    name: 'the order is completed, its email waits',
    make: completedWithLink,
    arrivals: [
      settled('disputed'),
      settled('refunded'),
      photos.restored(0),
      orders.completed,
      orders.shared,
      emails.claimed,
      emails.said('delivered'),
      links.made,
      links.opened,
      links.packed,
      ...looks,
    ],
  },
  {
    name: 'the email is being sent',
    make: async (shop) => after(shop, await completedWithLink(shop), emails.claimed),
    arrivals: [
      settled('refunded'),
      orders.completed,
      orders.shared,
      emails.claimed,
      emails.takenOver,
      emails.settled('sent'),
      emails.settled('retry'),
      emails.settled('doubtful'),
      emails.settled('failed'),
      emails.said('delivered'),
      emails.said('bounce'),
      links.opened,
      ...looks,
    ],
  },
  {
    name: 'the email is sent',
    make: async (shop) => after(shop, await completedWithLink(shop), emails.claimed, emails.settled('sent')),
    arrivals: [
      settled('refunded'),
      orders.completed,
      orders.shared,
      emails.claimed,
      emails.settled('sent'),
      emails.said('delivered'),
      emails.said('bounce'),
      links.made,
      links.opened,
      links.packed,
      ...looks,
    ],
  },
  {
    name: 'a completed order is refunded',
    make: async (shop) => after(shop, await completedWithLink(shop), settled('refunded')),
    arrivals: [
      settled('paid'),
      settled('refunded'),
      payments.cancelled,
      orders.completed,
      orders.shared,
      emails.claimed,
      links.made,
      links.opened,
      links.packed,
      ...looks,
    ],
  },
];

export const situations = [...sales, ...restorations, ...deliveries];
