/** Statements of the steps run twice, or against each other, at the very same time. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { create as createLink } from '../../lambdas/download/create-link/create.sql';
import { open } from '../../lambdas/download/open-link/open.sql';
import { claim as claimEmail } from '../../lambdas/email/send-email/claim.sql';
import { keep } from '../../lambdas/payment/keep-original/keep.sql';
import { place } from '../../lambdas/payment/place-order/place.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { complete } from '../../lambdas/restoration/complete-order/complete.sql';
import { fail } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { restored } from '../../lambdas/restoration/store-restored/restored.sql';
import { claim as claimJob } from '../../lambdas/restoration/submit-job/claim.sql';
import { atOnce, withRetries } from './at-once.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import {
  leaseSeconds,
  nobody,
  type Order,
  paymentEvent,
  paymentOf,
  restoration,
  type Shop,
  shopOn,
} from './orders.ts';
import type { RunOptions } from './run-statement.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

const twice = <Answer>(action: (options: RunOptions) => Promise<Answer>) => atOnce(database, action, action);
const jobIn = ({ photos }: Order, at = 0) => photos[at]?.jobId ?? '';
const store = (jobId: string) => (options: RunOptions) => shop.run(restored, restoration(jobId), options);
const giveUp = (jobId: string, retryable: boolean) => (options: RunOptions) =>
  shop.run(
    fail,
    { jobId, attempt: 1, retryable, errorCode: 'prediction_failed', errorMessage: null },
    options,
  );
const claiming = (jobId: string) => (options: RunOptions) =>
  shop.run(claimJob, { jobId, attempt: 1, leaseSeconds }, options);
const statesOf = async ({ orderId }: Order) =>
  (
    await shop.rows(
      `select orders.status as order, array_agg(distinct job.status) as jobs, array_agg(distinct images.status) as photos
       from orders join images on images.order_id = orders.id and images.type = 'original'
       left join restoration_jobs as job on job.original_image_id = images.id
       where orders.id = $1 group by orders.status`,
      [orderId],
    )
  )[0];

describe('the last two photos of an order, ended at once', () => {
  test.each([
    ['restored and restored', store, store],
    ['restored and given up', store, (jobId: string) => giveUp(jobId, false)],
    [
      'given up and given up',
      (jobId: string) => giveUp(jobId, false),
      (jobId: string) => giveUp(jobId, false),
    ],
  ] as const)('%s: one of them at least says that it was the last', async (_, one, two) => {
    const order = await shop.processing({ count: 2 });
    const answers = await atOnce<{ last: boolean }[], { last: boolean }[]>(
      database,
      one(jobIn(order, 0)),
      two(jobIn(order, 1)),
    );
    expect(answers.flat().filter(({ last }) => last)).toHaveLength(1);
    const [ended] = await shop.run(complete, { orderId: order.orderId, maxAttachmentBytes: 0 });
    expect(ended).toMatchObject({ open: 0, emailId: expect.any(String) });
    expect(ended?.status).not.toBe('processing');
  });
});

describe('twice at once', () => {
  test('place-order makes one order, one customer, one email, and both answer it', async () => {
    const payment = {
      ...paymentOf(await shop.checkOut(await shop.arrived(2))),
      customerEmail: `${randomUUID()}@x.org`,
    };
    const [one, two] = await twice((options) => shop.run(place, payment, options));
    expect(one).toHaveLength(2);
    const byPhoto = (rows: typeof one) => new Map(rows.map((row) => [row.imageId, row]));
    expect(byPhoto(two)).toEqual(byPhoto(one));
    const made = await shop.rows(
      `select (select count(*)::int from orders where upload_session_id = $1) as orders,
        (select count(*)::int from images where order_id = $2) as photos,
        (select count(*)::int from email_queue where order_id = $2) as emails`,
      [payment.sessionId, one[0]?.orderId],
    );
    expect(made).toEqual([{ orders: 1, photos: 2, emails: 1 }]);
  });

  test('two checkouts of one session, paid at once, make one order, and one is called a second payment', async () => {
    const checkout = await shop.checkOut(await shop.arrived(1));
    const again = await shop.checkOut(checkout);
    const answers = await atOnce(
      database,
      (options) => shop.run(place, paymentOf(checkout), options),
      (options) => shop.run(place, paymentOf(again), options),
    );
    expect(answers.flat().map(({ paidTwice }) => paidTwice)).toEqual([false, true]);
    expect(new Set(answers.flat().map(({ orderId }) => orderId)).size).toBe(1);
  });

  test('keep-original makes one job, and both answer it', async () => {
    const order = await shop.placed({ count: 1 });
    const keeping = { orderId: order.orderId, imageId: order.photos[0]?.imageId ?? '' };
    const [[one], [two]] = await twice((options) => shop.run(keep, keeping, options));
    expect(one?.jobId).toEqual(expect.any(String));
    expect(two).toMatchObject({ jobId: one?.jobId, attempt: 1 });
  });

  test('submit-job claims a job once: the other is held', async () => {
    const order = await shop.kept({ count: 1 });
    const answers = await twice(claiming(jobIn(order)));
    expect(answers.flat().map(({ outcome }) => outcome)).toEqual(['claimed', 'held']);
  });

  test('send-email claims an email once, and makes its links once', async () => {
    const order = await shop.completed({ count: 2 });
    const answers = await twice((options) =>
      shop.run(
        claimEmail,
        {
          emailId: order.doneEmailId,
          seed: randomUUID(),
          leaseSeconds,
          maxDownloads: 10,
          linkSeconds: 86_400,
        },
        options,
      ),
    );
    expect(answers.map(([row]) => row?.outcome)).toEqual(['claimed', 'waiting']);
    const links = await shop.rows('select id from download_links where order_id = $1', [order.orderId]);
    expect(links).toHaveLength(3);
  });

  test('complete-order ends the order once, with one email', async () => {
    const order = await shop.allRestored({ count: 1 });
    const asked = { orderId: order.orderId, maxAttachmentBytes: 0 };
    const [[one], [two]] = await twice((options) => shop.run(complete, asked, options));
    expect(one).toMatchObject({ status: 'completed', emailId: expect.any(String) });
    expect(two).toEqual(one);
  });

  test('fail-attempt gives a job one next attempt', async () => {
    const order = await shop.processing({ count: 1 });
    const answers = await twice(giveUp(jobIn(order), true));
    expect(answers.flat().map(({ outcome }) => outcome)).toEqual(['again', 'again']);
    const jobs = await shop.rows('select attempt_number from restoration_jobs where id = $1', [jobIn(order)]);
    expect(jobs).toEqual([{ attempt_number: 2 }]);
  });
});

test('ten downloads at once of a link for four are four', async () => {
  const order = await shop.completed({ count: 1 });
  const tokenHash = randomUUID();
  const link = { orderId: order.orderId, linkType: 'zip_all', imageId: null };
  await shop.run(createLink, { ...nobody, ...link, tokenHash, maxDownloads: 4, linkSeconds: 60 });
  const opening = () => withRetries(() => shop.run(open, { ...nobody, tokenHash, archiveReady: true }));
  const answers = await Promise.all(Array.from({ length: 10 }, opening));
  expect(answers.flat().filter(({ counted }) => counted)).toHaveLength(4);
  expect(answers.flat().filter(({ spent }) => spent)).toHaveLength(6);
});

describe('an attempt that fails while its photo is stored', () => {
  test('is restored, when that was first', async () => {
    const order = await shop.processing({ count: 1 });
    const [[stored], [failed]] = await atOnce(database, store(jobIn(order)), giveUp(jobIn(order), false));
    expect(stored).toMatchObject({ status: 'completed', last: true });
    expect(failed).toMatchObject({ outcome: 'superseded' });
    expect(await statesOf(order)).toEqual({
      order: 'processing',
      jobs: ['completed'],
      photos: ['completed'],
    });
  });

  test('has failed, when that was first', async () => {
    const order = await shop.processing({ count: 1 });
    const [[failed], [stored]] = await atOnce(database, giveUp(jobIn(order), false), store(jobIn(order)));
    expect(failed).toMatchObject({ outcome: 'failed', last: true });
    expect(stored).toMatchObject({ status: 'failed' });
    expect(await statesOf(order)).toEqual({ order: 'processing', jobs: ['failed'], photos: ['failed'] });
  });
});

describe('a refund while a job is claimed', () => {
  const refund = async (order: Order, options: RunOptions) => {
    const settled = await shop.run(settle, paymentEvent(order, 'refunded'), options);
    return settled.map(({ paymentStatus }) => paymentStatus);
  };
  const ended = { order: 'refunded', jobs: ['cancelled'], photos: ['failed'] };

  test.each([
    ['claimed', 'claimed first'],
    ['not payable', 'refunded first'],
  ])('leaves nothing open: it was %s', async (outcome, order) => {
    const made = await shop.kept({ count: 1 });
    const refunding = (options: RunOptions) => refund(made, options);
    const job = claiming(jobIn(made));
    const [claimed] =
      order === 'claimed first'
        ? (await atOnce(database, job, refunding))[0]
        : (await atOnce(database, refunding, job))[1];
    expect(claimed?.outcome).toBe(outcome);
    await withRetries(() => shop.run(cancel, { orderId: made.orderId }));
    expect(await statesOf(made)).toEqual(ended);
  });

  test('and its jobs are cancelled while it is claimed', async () => {
    const order = await shop.kept({ count: 1 });
    const cancelling = (options: RunOptions) => shop.run(cancel, { orderId: order.orderId }, options);
    await refund(order, {});
    const [[cancelled], [claimed]] = await atOnce(database, cancelling, claiming(jobIn(order)));
    expect(cancelled).toEqual({ cancelled: 1 });
    expect(['ended', 'not payable']).toContain(claimed?.outcome);
    expect(await statesOf(order)).toEqual(ended);
  });
});
