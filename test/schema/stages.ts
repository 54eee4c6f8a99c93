/** Orders left at every stage, and how each is brought to its end from wherever it is: by any release's statements. */
import { randomUUID } from 'node:crypto';
import { create as createLink } from '../../lambdas/download/create-link/create.sql';
import { open } from '../../lambdas/download/open-link/open.sql';
import { claim as claimEmail } from '../../lambdas/email/send-email/claim.sql';
import { settle as settleEmail } from '../../lambdas/email/send-email/settle.sql';
import { keep } from '../../lambdas/payment/keep-original/keep.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { complete } from '../../lambdas/restoration/complete-order/complete.sql';
import { fail } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { restored } from '../../lambdas/restoration/store-restored/restored.sql';
import { claim as claimJob } from '../../lambdas/restoration/submit-job/claim.sql';
import { submitted } from '../../lambdas/restoration/submit-job/submitted.sql';
import {
  type Checkout,
  leaseSeconds,
  nobody,
  type Order,
  paymentEvent,
  restoration,
  type Session,
  type Shop,
  submission,
} from './orders.ts';

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
    const jobId = order.photos[0]?.jobId ?? '';
    const why = { errorCode: 'prediction_failed', errorMessage: null };
    await shop.run(fail, { jobId, attempt: 1, retryable: true, counted: true, ...why });
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
const emailClaim = (emailId: string) => ({
  emailId,
  seed: randomUUID(),
  leaseSeconds,
  maxDownloads: 10,
  linkSeconds: 86_400,
});

/** Asks every statement in turn, done already or not: restored, told by mail, downloaded once, refunded. */
export async function finish(shop: Shop, unfinished: Unfinished): Promise<Order> {
  const order = await placedOf(shop, unfinished);
  const { orderId } = order;
  await shop.run(settle, paymentEvent(order, 'paid', true));
  for (const { imageId, jobId } of order.photos) {
    const [waiting] = await shop.run(keep, { orderId, imageId });
    await restore(shop, waiting?.jobId ?? jobId, waiting?.attempt ?? 1);
  }
  await shop.run(complete, { orderId, maxAttachmentBytes: 5000 });
  const emails = await shop.rows('select id from email_queue where order_id = $1', [orderId]);
  for (const { id } of emails) await mail(shop, id);
  await download(shop, order);
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

async function restore(shop: Shop, jobId: string, attempt: number): Promise<void> {
  await shop.run(claimJob, { jobId, attempt, leaseSeconds }, afterLease);
  await shop.run(submitted, submission(jobId, attempt));
  await shop.run(restored, restoration(jobId, attempt));
}

async function mail(shop: Shop, emailId: string): Promise<void> {
  const [claimed] = await shop.run(claimEmail, emailClaim(emailId), afterLease);
  const sent = {
    outcome: 'sent',
    messageId: 'm',
    subject: 'Your photos',
    errorCode: null,
    errorMessage: null,
  };
  await shop.run(settleEmail, { emailId, attempt: claimed?.attempt ?? 0, doubtSeconds: 600, ...sent });
}

async function download(shop: Shop, { orderId }: Order): Promise<void> {
  const tokenHash = randomUUID();
  const link = { linkType: 'zip_all', imageId: null, maxDownloads: 2, linkSeconds: 86_400 };
  await shop.run(createLink, { ...nobody, orderId, tokenHash, ...link });
  await shop.run(open, { ...nobody, tokenHash, archiveReady: true });
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
