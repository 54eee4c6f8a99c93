/**
 * Orders left at every stage, and how each is brought to its end from wherever it is: by any
 * release's statements.
 */
import { randomUUID } from 'node:crypto';
import { create as createLink } from '../../lambdas/download/create-link/create.sql';
import { open } from '../../lambdas/download/open-link/open.sql';
import { claim as claimEmail } from '../../lambdas/email/send-email/claim.sql';
import { keep } from '../../lambdas/payment/keep-original/keep.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { fail } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { ordersOn } from '../../schema/samples/orders.ts';
import {
  type Checkout,
  emailClaim,
  failure,
  leaseSeconds,
  linkTo,
  type Order,
  opening,
  paymentEvent,
  type Session,
} from '../../schema/samples/parameters.ts';
import type { Shop } from './orders.ts';

export type Unfinished = Session | Checkout | Order;

/** A maker for each place where an order may be when the next release comes. */
export const stages: Record<string, (shop: Shop) => Promise<Unfinished>> = {
  'photos announced': (shop) => shop.announced(),
  'photos arrived': (shop) => shop.arrived(),
  'checkout open': async (shop) => shop.checkOut(await shop.arrived()),
  'money under way': (shop) => shop.kept({ paid: false }),
  'order placed': (shop) => shop.placed(),
  'jobs waiting': (shop) => shop.kept(),
  'jobs taken': (shop) => shop.claimed(),
  'an attempt failed': async (shop) => {
    const order = await shop.processing();
    await shop.run(fail, failure(order.photos[0]?.jobId ?? '', 1, true));
    return order;
  },
  'predictions running': (shop) => shop.processing(),
  'photos restored': (shop) => shop.allRestored(),
  'completion queued': (shop) => shop.completed(),
  'completion being sent': async (shop) => {
    const order = await shop.completed();
    await shop.run(claimEmail, emailClaim(order.doneEmailId));
    return order;
  },
};

const afterLease = { aheadMs: (leaseSeconds + 1) * 1000 };

/**
 * Asks every statement in turn, done already or not: restored, told by mail, downloaded once,
 * refunded.
 */
export async function finish(shop: Shop, unfinished: Unfinished): Promise<Order> {
  const later = ordersOn((statement, params) => shop.run(statement, params, afterLease));
  const order = await placedOf(shop, unfinished);
  const { orderId } = order;
  await shop.run(settle, paymentEvent(order, 'paid', true));
  for (const { imageId, jobId } of order.photos) {
    const [waiting] = await shop.run(keep, { orderId, imageId });
    const job = [waiting?.jobId ?? jobId, waiting?.attempt ?? 1] as const;
    await later.submit(...job);
    await later.restore(...job);
  }
  await shop.complete(order);
  const emails = await shop.rows('select id from email_queue where order_id = $1', [orderId]);
  for (const { id } of emails) await later.send(id);
  const tokenHash = randomUUID();
  await shop.run(createLink, linkTo(orderId, tokenHash));
  await shop.run(open, opening(tokenHash));
  await shop.run(settle, paymentEvent(order, 'refunded'));
  await shop.run(cancel, { orderId });
  return order;
}

async function placedOf(shop: Shop, unfinished: Unfinished): Promise<Order> {
  if ('orderId' in unfinished) return unfinished;
  if ('checkoutId' in unfinished) return shop.pay(unfinished);
  await shop.arrive(unfinished);
  return shop.pay(await shop.checkOut(unfinished));
}

/** How everything stands that belongs to an order; each state once. */
export async function standing(shop: Shop, { orderId }: Order) {
  const [row] = await shop.rows(
    `select
       status, payment_status,
       (select array_agg(distinct type || ' ' || images.status) from images where order_id = orders.id) as photos,
       (select array_agg(distinct job.status) from restoration_jobs as job join images on images.id = original_image_id
        where order_id = orders.id) as jobs,
       (select array_agg(email_type || ' ' || email.status order by email_type) from email_queue as email where order_id = orders.id) as emails,
       (select sum(download_count)::int from download_links where order_id = orders.id) as downloads
     from orders where id = $1`,
    [orderId],
  );
  return row;
}

export const finished = {
  status: 'refunded',
  payment_status: 'refunded',
  photos: ['original completed', 'restored completed'],
  jobs: ['completed'],
  emails: ['order_confirmation sent', 'restoration_complete sent'],
  downloads: 1,
};
