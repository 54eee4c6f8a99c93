/** More than two statements at the very same time; every two meet in `meetings/`. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { create as createLink } from '../../lambdas/download/create-link/create.sql';
import { open } from '../../lambdas/download/open-link/open.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { claim as claimJob } from '../../lambdas/restoration/submit-job/claim.sql';
import { leaseSeconds, nobody, opening, paymentEvent } from '../../schema/samples/parameters.ts';
import { atOnce, withRetries } from './at-once.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { type Shop, shopOn } from './orders.ts';
import type { RunOptions } from './run-statement.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

test('ten downloads at once of a link for four are four', async () => {
  const order = await shop.completed({ count: 1 });
  const tokenHash = randomUUID();
  const link = { orderId: order.orderId, keyVersion: 1, linkType: 'zip_all', imageId: null };
  await shop.run(createLink, { ...nobody, ...link, tokenHash, maxDownloads: 4, linkSeconds: 60 });
  const downloading = () => withRetries(() => shop.run(open, opening(tokenHash)));
  const answers = await Promise.all(Array.from({ length: 10 }, downloading));
  expect(answers.flat().filter(({ counted }) => counted)).toHaveLength(4);
  expect(answers.flat().filter(({ spent }) => spent)).toHaveLength(6);
});

describe('a refund while a job is claimed, and what cancels its jobs', () => {
  test.each([
    ['claimed', 'claimed first'],
    ['not payable', 'refunded first'],
  ])('leave nothing open: it was %s', async (outcome, order) => {
    const made = await shop.kept({ count: 1 });
    const { orderId, photos } = made;
    const event = paymentEvent(made, 'refunded');
    const refund = (options: RunOptions) => shop.run(settle, event, options);
    const job = { jobId: photos[0]?.jobId ?? '', attempt: 1, leaseSeconds };
    const claim = (options: RunOptions) => shop.run(claimJob, job, options);
    const [claimed] =
      order === 'claimed first'
        ? (await atOnce(database, claim, refund))[0]
        : (await atOnce(database, refund, claim))[1];
    expect(claimed?.outcome).toBe(outcome);
    await shop.run(cancel, { orderId });
    const states = await shop.rows(
      `select orders.status as order, job.status as job, images.status as photo
       from orders join images on images.order_id = orders.id
       join restoration_jobs as job on job.original_image_id = images.id
       where orders.id = $1`,
      [orderId],
    );
    expect(states).toEqual([{ order: 'refunded', job: 'cancelled', photo: 'failed' }]);
  });
});
