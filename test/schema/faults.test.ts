/**
 * What reconcile finds that no constraint can hold: each fault is made behind the triggers' back; a
 * healthy shop has none.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { create as createLink } from '../../lambdas/download/create-link/create.sql';
import { faults } from '../../lambdas/operations/reconcile/faults.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { complete } from '../../lambdas/restoration/complete-order/complete.sql';
import { fail } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { nobody, type Order, paymentEvent } from '../../schema/samples/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { day, hour, type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

const looking = { withinSeconds: 3 * 86_400, restedSeconds: 3600, orders: 1000, batch: 100 };
const found = (aheadMs = 2 * hour, params = looking) => shop.run(faults, params, { aheadMs });
const foundIn = async ({ orderId }: Order, aheadMs?: number) =>
  (await found(aheadMs)).filter((fault) => fault.orderId === orderId).map(({ what, id }) => ({ what, id }));

/** Changes rows as nobody may: without triggers and foreign keys. */
async function corrupt(sql: string, values: unknown[]): Promise<void> {
  const client = await database.pool('superuser').connect();
  try {
    await client.query(`set search_path = restoreclick; set session_replication_role = replica`);
    await client.query(sql, values);
  } finally {
    await client.query('discard all');
    client.release();
  }
}

const photoOf = (order: Order) => order.photos[0] ?? { imageId: '', jobId: '' };
const stages = ['placed', 'kept', 'claimed', 'processing', 'allRestored', 'completed'] as const;

async function failed(order: Order): Promise<Order> {
  for (const { jobId } of order.photos)
    await shop.run(fail, {
      jobId,
      attempt: 1,
      retryable: false,
      counted: true,
      errorCode: 'prediction_failed',
      errorMessage: 'no',
    });
  await shop.run(complete, { orderId: order.orderId, maxAttachmentBytes: 0 });
  return order;
}

async function refunded(order: Order): Promise<Order> {
  await shop.run(settle, paymentEvent(order, 'refunded'));
  await shop.run(cancel, { orderId: order.orderId });
  return order;
}

async function linked(order: Order): Promise<Order> {
  const link = {
    ...nobody,
    orderId: order.orderId,
    keyVersion: 1,
    linkType: 'zip_all',
    imageId: null,
    tokenHash: order.orderId,
  };
  await shop.run(createLink, { ...link, maxDownloads: 1, linkSeconds: 7 * 86_400 });
  return order;
}

async function linkedToAnother() {
  const [order, theirs] = [await linked(await shop.completed()), await shop.completed()];
  await corrupt('update download_links set target_images = target_images || $2::uuid where order_id = $1', [
    order.orderId,
    photoOf(theirs).imageId,
  ]);
  const [link] = await shop.rows('select id from download_links where order_id = $1', [order.orderId]);
  return { order, id: link.id };
}

describe('nothing is wrong with', () => {
  test.each<[string, () => Promise<Order>]>([
    ...stages.map((stage): [string, () => Promise<Order>] => [
      `an order that is ${stage}`,
      () => shop[stage](),
    ]),
    ['an order that waits for its money', () => shop.kept({ paid: false })],
    [
      'an order whose money never came',
      async () => {
        const order = await shop.kept({ paid: false });
        await shop.run(settle, paymentEvent(order, 'failed'));
        return order;
      },
    ],
    ['an order all of whose photos failed', async () => failed(await shop.processing())],
    ...stages.map((stage): [string, () => Promise<Order>] => [
      `an order refunded when it was ${stage}`,
      async () => refunded(await shop[stage]()),
    ]),
    [
      'an order in dispute',
      async () => {
        const order = await shop.processing();
        await shop.run(settle, paymentEvent(order, 'disputed'));
        return order;
      },
    ],
    [
      'an order whose refund failed after it was completed',
      async () => {
        const order = await refunded(await shop.completed());
        await shop.run(settle, paymentEvent(order, 'paid'));
        return order;
      },
    ],
    ['an order with links', async () => linked(await shop.completed())],
    [
      'an order whose link to a photo of another was ended, as the runbook says',
      async () => {
        const { order } = await linkedToAnother();
        await corrupt('update download_links set expires_at = now() where order_id = $1', [order.orderId]);
        return order;
      },
    ],
  ])('%s', async (_, make) => {
    expect(await foundIn(await make())).toEqual([]);
  });
});

type Fault = { what: string; make: () => Promise<{ order: Order; id: string | undefined }> };

/** Every kind, and how it is made. */
const kinds: Fault[] = [
  {
    what: 'order with other photos than were paid for',
    make: async () => {
      const order = await shop.completed();
      await corrupt('update orders set photo_count = 3 where id = $1', [order.orderId]);
      return { order, id: order.orderId };
    },
  },
  {
    what: 'order without its confirmation',
    make: async () => {
      const order = await shop.placed();
      await corrupt('delete from email_queue where order_id = $1', [order.orderId]);
      return { order, id: order.orderId };
    },
  },
  {
    what: 'order ended without its email',
    make: async () => {
      const order = await shop.completed();
      await corrupt('delete from email_queue where id = $1', [order.doneEmailId]);
      return { order, id: order.orderId };
    },
  },
  {
    what: 'order ended without its email',
    make: async () => {
      const order = await failed(await shop.processing());
      await corrupt(`delete from email_queue where order_id = $1 and email_type = 'restoration_complete'`, [
        order.orderId,
      ]);
      return { order, id: order.orderId };
    },
  },
  {
    what: 'order completed without a photo',
    make: async () => {
      const order = await shop.completed();
      await corrupt(`update images set status = 'failed' where order_id = $1 and type = 'original'`, [
        order.orderId,
      ]);
      return { order, id: order.orderId };
    },
  },
  {
    // The refund was settled, and its second statement never ran.
    what: 'photo open in a refunded order',
    make: async () => {
      const order = await shop.placed({ count: 1 });
      await shop.run(settle, paymentEvent(order, 'refunded'));
      return { order, id: photoOf(order).imageId };
    },
  },
  {
    what: 'photo completed without a restored one',
    make: async () => {
      const order = await shop.allRestored();
      const { imageId } = photoOf(order);
      await corrupt('delete from images where parent_image_id = $1', [imageId]);
      return { order, id: imageId };
    },
  },
  {
    what: 'photo in process without a job',
    make: async () => {
      const order = await shop.processing();
      const { imageId, jobId } = photoOf(order);
      await corrupt(`update restoration_jobs set status = 'failed' where id = $1`, [jobId]);
      return { order, id: imageId };
    },
  },
  ...(['pending', 'completed', 'failed'] as const).map((status) => ({
    what: 'job open that has no work',
    make: async () => {
      const order = await shop.kept();
      const { imageId, jobId } = photoOf(order);
      await corrupt(`update images set status = $2 where id = $1`, [imageId, status]);
      return { order, id: jobId };
    },
  })),
  {
    what: 'job open that has no work',
    make: async () => {
      const order = await shop.kept({ count: 1 });
      await shop.run(settle, paymentEvent(order, 'refunded'));
      return { order, id: photoOf(order).jobId };
    },
  },
  {
    what: 'photo and its upload disagree',
    make: async () => {
      const order = await shop.kept();
      const { imageId } = photoOf(order);
      await corrupt(
        `update file_uploads set status = 'expired' where id = (select upload_id from images where id = $1)`,
        [imageId],
      );
      return { order, id: imageId };
    },
  },
  {
    what: 'link to a photo of another order',
    make: linkedToAnother,
  },
];

describe('found is', () => {
  test.each(kinds.map((kind, at) => ({ ...kind, at })))('$what ($at)', async ({ what, make }) => {
    const { order, id } = await make();
    expect(await foundIn(order)).toContainEqual({ what, id });
    // Between two statements of a step much may look wrong; and old orders were looked at before.
    expect(await foundIn(order, 0)).toEqual([]);
    expect(await foundIn(order, 4 * day)).toEqual([]);
  });

  test('at most a batch of each kind', async () => {
    const all = await found();
    const few = await found(2 * hour, { ...looking, batch: 1 });
    expect(all.length).toBeGreaterThan(few.length);
    expect(few.map(({ what }) => what)).toEqual([...new Set(all.map(({ what }) => what))]);
  });
});

test('every kind is made here, and explained in the runbook', async () => {
  const sql = await readFile('lambdas/operations/reconcile/faults.sql', 'utf8');
  const listed = [...sql.matchAll(/^ {2}select '(.+?)'/gm)].map(([, what]) => what);
  expect([...listed].sort()).toEqual([...new Set(kinds.map(({ what }) => what))].sort());
  const runbook = await readFile('docs/runbooks/operations-reconcile.md', 'utf8');
  for (const what of listed) expect(runbook).toContain(`\n- **${what}**: `);
});
