/** The situations while photos are restored. */
import { links, orders, payments, photos } from './arrivals.ts';
import { after, looks, type Situation } from './situation.ts';

const { settled } = payments;

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
