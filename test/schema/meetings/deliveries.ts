/** The situations once an order has ended. */
import { emails, links, orders, payments, photos } from './arrivals.ts';
import { after, completedWithLink, looks, type Situation } from './situation.ts';

const { settled } = payments;

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
      emails.doubted,
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
      emails.said('spamreport'),
      emails.unwanted,
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
      settled('disputed'),
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
