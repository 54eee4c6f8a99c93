/**
 * The statements of download, order and operations: links counted, orders shown and shared, and
 * what is stuck.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { archive } from '../../lambdas/download/build-archive/archive.sql';
import { hold } from '../../lambdas/download/build-archive/hold.sql';
import { create } from '../../lambdas/download/create-link/create.sql';
import { open } from '../../lambdas/download/open-link/open.sql';
import { apply } from '../../lambdas/email/receive-sendgrid-events/apply.sql';
import { claim as claimEmail } from '../../lambdas/email/send-email/claim.sql';
import { unsubscribe } from '../../lambdas/email/unsubscribe/unsubscribe.sql';
import { expire } from '../../lambdas/operations/reconcile/expire.sql';
import { stuck } from '../../lambdas/operations/reconcile/stuck.sql';
import { claim as claimOrder } from '../../lambdas/order/claim-order/claim.sql';
import { order as readOrder } from '../../lambdas/order/get-order/order.sql';
import { share } from '../../lambdas/order/share-order/share.sql';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { wait } from '../../lambdas/restoration/submit-job/wait.sql';
import {
  emailClaim,
  emailEvent,
  nobody,
  type Order,
  opening as openingOf,
  packing,
  paymentEvent,
  waiting,
} from '../../schema/samples/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { day, hour, type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

const linking = ({ orderId }: Order, linkType: string, imageId: string | null = null) => ({
  ...nobody,
  orderId,
  keyVersion: 1,
  linkType,
  imageId,
  tokenHash: randomUUID(),
  maxDownloads: 2,
  linkSeconds: 7 * 86_400,
});
const opening = (tokenHash: string, archiveReady = true) => ({ ...openingOf(tokenHash), archiveReady });
async function linkOf(order: Order, linkType = 'zip_all', imageId: string | null = null) {
  const params = linking(order, linkType, imageId);
  const [row] = await shop.run(create, params);
  return { id: row?.linkId ?? '', tokenHash: params.tokenHash };
}
const countOf = async ({ id }: { id: string }) =>
  (await shop.rows('select download_count from download_links where id = $1', [id]))[0].download_count;

describe('create-link', () => {
  test('links one photo, or all restored ones', async () => {
    const order = await shop.completed({ count: 2 });
    const [photo] = order.photos;
    const one = await linkOf(order, 'single_image', photo?.imageId);
    expect(await shop.run(archive, packing(one.id))).toMatchObject([{ imageId: photo?.imageId }]);
    const all = await linkOf(order);
    const packed = await shop.run(archive, packing(all.id));
    expect(packed).toHaveLength(2);
    for (const row of packed) expect(row).toMatchObject({ storageBucket: 'restored', format: 'png' });
  });

  test("makes none for nothing restored, another order's photo and no photo; no row for no order", async () => {
    const [fresh, done] = [await shop.kept(), await shop.completed({ count: 1 })];
    const nothing = [{ withheld: null, spent: false, linkId: null, expiresAt: null, maxDownloads: null }];
    const none = async () => {
      expect(await shop.run(create, linking(fresh, 'zip_all'))).toEqual(nothing);
      for (const imageId of [done.photos[0]?.imageId ?? '', randomUUID(), null])
        expect(await shop.run(create, linking(fresh, 'single_image', imageId))).toEqual(nothing);
      expect(await shop.run(create, linking({ ...fresh, orderId: randomUUID() }, 'zip_all'))).toEqual([]);
    };
    expect(await shop.written(none)).toEqual([]);
  });
});

test('an order has so many links and no more, until some have expired', async () => {
  const order = await shop.completed({ count: 1 });
  await shop.rows(
    `with actor as materialized (select set_config('app.actor', 'test', true))
     insert into download_links (order_id, token, link_type, target_images, expires_at)
     select $1, 'many ' || gen_random_uuid(), 'zip_all', '{}', present() + make_interval(days => 1)
     from actor, generate_series(1, 500)`,
    [order.orderId],
  );
  const more = async () =>
    expect(await shop.run(create, linking(order, 'zip_all'))).toMatchObject([{ spent: true, linkId: null }]);
  expect(await shop.written(more)).toEqual([]);
  const later = await shop.run(create, linking(order, 'zip_all'), { aheadMs: 2 * day });
  expect(later).toMatchObject([{ spent: false, linkId: expect.any(String) }]);
});

describe('a key that was revoked', () => {
  test('opens nothing any more, nor do the links that were made by it', async () => {
    const order = await shop.completed({ count: 1 });
    const link = await linkOf(order);
    await shop.rows(
      `with actor as materialized (select set_config('app.actor', 'operator', true))
       update orders set key_version = 2 from actor where id = $1`,
      [order.orderId],
    );
    const { orderId } = order;
    const caller = { ...nobody, orderId, recipients: '["a@example.com"]', senderName: null, message: null };
    const nothing = async () => {
      expect(await shop.run(readOrder, { orderId, keyVersion: 1 })).toEqual([]);
      expect(await shop.run(share, { ...caller, keyVersion: 1, maxRounds: 3, maxADay: 3 })).toEqual([]);
      expect(await shop.run(create, linking(order, 'zip_all'))).toEqual([]);
      expect(await shop.run(open, opening(link.tokenHash))).toMatchObject([
        { expired: true, counted: false },
      ]);
    };
    expect(await shop.written(nothing)).toEqual([]);
    const again = { ...linking(order, 'zip_all'), keyVersion: 2 };
    await shop.run(create, again);
    expect(await shop.run(open, opening(again.tokenHash))).toMatchObject([{ expired: false, counted: true }]);
    expect(await shop.run(claimOrder, { checkoutId: order.checkoutId })).toMatchObject([{ keyVersion: 2 }]);
  });
});

describe('open-link', () => {
  test('counts each download up to the last, and then answers that the link is spent', async () => {
    const link = await linkOf(await shop.completed({ count: 2 }));
    for (const already of [0, 1]) {
      expect(await countOf(link)).toBe(already);
      const rows = await shop.run(open, opening(link.tokenHash));
      expect(rows).toHaveLength(2);
      expect(rows[0]).toMatchObject({ counted: true, spent: false, single: false });
    }
    const spent = async () =>
      expect((await shop.run(open, opening(link.tokenHash)))[0]).toMatchObject({
        counted: false,
        spent: true,
      });
    expect(await shop.written(spent)).toEqual([]);
  });

  test('counts an archive only when it is there, and a single photo always', async () => {
    const several = await linkOf(await shop.completed({ count: 2 }));
    const notYet = () => shop.run(open, opening(several.tokenHash, false));
    expect((await notYet())[0]).toMatchObject({ counted: false, spent: false, expired: false });
    expect(await shop.written(notYet)).toEqual([]);
    const only = await linkOf(await shop.completed({ count: 1 }));
    expect(await shop.run(open, opening(only.tokenHash, false))).toMatchObject([
      { counted: true, single: true, imageType: 'restored' },
    ]);
  });

  test('counts no look, and each viewer’s parts of one download once', async () => {
    const link = await linkOf(await shop.completed({ count: 1 }));
    const ask = async (asked: string, viewer: string, aheadMs = 0) => {
      const [row] = await shop.run(open, { ...opening(link.tokenHash), asked, viewer }, { aheadMs });
      return { count: await countOf(link), spent: row?.spent };
    };
    for (let looks = 0; looks < 3; looks++)
      expect(await ask('look', 'machine')).toEqual({ count: 0, spent: false });
    for (let parts = 0; parts < 3; parts++)
      expect(await ask('part', 'ada')).toEqual({ count: 1, spent: false });
    for (let parts = 0; parts < 3; parts++)
      expect(await ask('part', 'ada', hour)).toEqual({ count: 2, spent: false });
    for (const [asked, viewer] of [
      ['whole', 'ada'],
      ['look', 'ada'],
      ['part', 'grace'],
    ] as const)
      expect(await ask(asked, viewer, hour)).toEqual({ count: 2, spent: true });
  });

  test('does not count after the end of the link', async () => {
    const link = await linkOf(await shop.completed({ count: 1 }));
    const late = async () =>
      expect(await shop.run(open, opening(link.tokenHash), { aheadMs: 8 * day })).toMatchObject([
        { counted: false, expired: true },
      ]);
    expect(await shop.written(late)).toEqual([]);
  });

  test('answers no row for a token that never was', async () => {
    expect(await shop.run(open, opening('never'))).toEqual([]);
    expect(await shop.run(archive, packing(randomUUID()))).toEqual([]);
  });
});

describe('build-archive', () => {
  async function takes(params: ReturnType<typeof packing>, aheadMs = 0) {
    const [row] = await shop.run(archive, params, { aheadMs });
    return row?.taken;
  }

  test('takes photos that nobody packs, whichever link names them, and those whose packer has died', async () => {
    const order = await shop.completed({ count: 2 });
    const [one, another] = [await linkOf(order), await linkOf(order)];
    expect(await takes(packing(one.id))).toBe(true);
    expect(await takes(packing(another.id))).toBe(false);
    expect(await takes(packing(another.id), 61_000)).toBe(true);
    expect(await takes(packing((await linkOf(await shop.completed({ count: 2 }))).id))).toBe(true);
  });

  test('holds on while it lives, and gives back what it cannot do; who has lost it does neither', async () => {
    const { id } = await linkOf(await shop.completed({ count: 1 }));
    const mine = packing(id);
    const [row] = await shop.run(archive, mine);
    const lease = { buildId: row?.buildId ?? '', holder: mine.holder };
    expect(await shop.run(hold, { ...lease, leaseSeconds: 60 }, { aheadMs: 40_000 })).toHaveLength(1);
    expect(await takes(packing(id), 61_000)).toBe(false);
    expect(await shop.run(hold, { ...lease, leaseSeconds: 0 })).toHaveLength(1);
    expect(await takes(packing(id), 1)).toBe(true);
    expect(await shop.run(hold, { ...lease, leaseSeconds: 60 })).toEqual([]);
  });
});

describe('the photos of an order', () => {
  const pays = (order: Order, status: string) => shop.run(settle, paymentEvent(order, status));
  const sharing = ({ orderId }: Order) => ({
    ...nobody,
    orderId,
    keyVersion: 1,
    recipients: '["grace@example.com"]',
    senderName: null,
    message: null,
    maxRounds: 3,
    maxADay: 3,
  });

  /** Whether each way to them is open, and what it says if not. */
  async function ways(order: Order, link: { id: string; tokenHash: string }) {
    const [opened] = await shop.run(open, opening(link.tokenHash));
    const [made] = await shop.run(create, linking(order, 'zip_all'));
    const [original] = await shop.run(create, linking(order, 'single_image', order.photos[0]?.imageId));
    const [shared] = await shop.run(share, sharing(order));
    const [packed] = await shop.run(archive, packing(link.id));
    const because = [opened, made, original, shared, packed].map((row) => row?.withheld);
    const mails = shared?.emailIds as unknown[];
    return {
      because,
      open: [opened?.counted, made?.linkId != null, original?.linkId != null, mails.length > 0],
    };
  }
  const all = (open: boolean, withheld: string | null = null) => ({
    because: Array.from({ length: 5 }, () => withheld),
    open: Array.from({ length: 4 }, () => open),
  });

  test.each([
    ['refunded', 'a refund that fails'],
    ['disputed', 'a dispute that is won'],
  ] as const)('are withheld while it is %s, and there again after %s', async (status, _after) => {
    const order = await shop.completed({ count: 2 });
    const link = await linkOf(order);
    await pays(order, status);
    const withheld = async () => expect(await ways(order, link)).toEqual(all(false, status));
    expect(await shop.written(withheld)).toEqual([]);
    await pays(order, 'paid');
    expect(await ways(order, link)).toEqual(all(true));
  });

  test('are nobody’s while the money has not come, or when it does not', async () => {
    const order = await shop.placed({ paid: false });
    const [photo] = order.photos;
    await shop.keep(order, photo?.imageId ?? '');
    const original = async () => (await shop.run(create, linking(order, 'single_image', photo?.imageId)))[0];
    expect(await original()).toMatchObject({ withheld: 'pending', linkId: null });
    await pays(order, 'failed');
    expect(await original()).toMatchObject({ withheld: 'failed', linkId: null });
  });

  test('stay with who got a part of the money back', async () => {
    const order = await shop.completed({ count: 2 });
    await pays(order, 'partially_refunded');
    expect(await ways(order, await linkOf(order))).toEqual(all(true));
  });
});

describe('an order', () => {
  test('is claimed by its Checkout Session once it is placed', async () => {
    const order = await shop.placed();
    expect(await shop.run(claimOrder, { checkoutId: order.checkoutId })).toEqual([
      {
        known: true,
        id: order.orderId,
        orderNumber: await shop.numberOf(order.orderId),
        keyVersion: 1,
        claimable: true,
      },
    ]);
  });

  test('is not there yet for a checkout of ours, and never for another', async () => {
    const { checkoutId } = await shop.checkOut(await shop.arrived(1));
    const nothing = { id: null, orderNumber: null, keyVersion: null, claimable: null };
    expect(await shop.run(claimOrder, { checkoutId })).toEqual([{ ...nothing, known: true }]);
    expect(await shop.run(claimOrder, { checkoutId: 'cs_none' })).toEqual([{ ...nothing, known: false }]);
  });

  test('is claimed within a day of its payment', async () => {
    const { checkoutId } = await shop.placed();
    const claimedAfter = (aheadMs: number) => shop.run(claimOrder, { checkoutId }, { aheadMs });
    expect(await claimedAfter(day - hour)).toMatchObject([{ claimable: true }]);
    expect(await claimedAfter(day + hour)).toMatchObject([{ claimable: false }]);
  });

  const read = ({ orderId }: { orderId: string }) => shop.run(readOrder, { keyVersion: 1, orderId });

  test('is shown with a row an image, each restored one with its original', async () => {
    const fresh = await read(await shop.kept({ count: 2 }));
    expect(fresh.map(({ name, imageStatus, parentImageId }) => [name, imageStatus, parentImageId])).toEqual([
      ['photo-0.jpg', 'uploaded', null],
      ['photo-1.jpg', 'uploaded', null],
    ]);
    const done = await read(await shop.completed({ count: 1 }));
    const original = done.find(({ parentImageId }) => parentImageId === null);
    const restored = done.find(({ parentImageId }) => parentImageId === original?.imageId);
    expect(done).toHaveLength(2);
    expect(original).toMatchObject({ orderStatus: 'completed', imageStatus: 'completed' });
    expect(restored).toMatchObject({ imageStatus: 'completed', width: 40 });
    expect(await read({ orderId: randomUUID() })).toEqual([]);
  });
});

describe('share-order', () => {
  const sharing = ({ orderId }: Order, recipients = ['Bob@Example.com', 'bob@example.com', 'c@d.ef']) => ({
    ...nobody,
    orderId,
    keyVersion: 1,
    recipients: JSON.stringify(recipients),
    senderName: null,
    message: 'Look!',
    maxRounds: 2,
    maxADay: 3,
  });

  const oneOf = (row: { emailIds: unknown } | undefined) => z.tuple([z.string()]).parse(row?.emailIds)[0];
  const sharedOf = ({ orderId }: Order) =>
    shop.rows(
      `select to_email, round, dynamic_data from email_queue
       where order_id = $1 and email_type = 'share_family' order by round, to_email`,
      [orderId],
    );

  test('queues one email a recipient, whatever the round, and no more rounds than are allowed', async () => {
    const order = await shop.completed({ count: 1 });
    const [first] = await shop.run(share, sharing(order));
    expect(first).toMatchObject({ restored: true, roundsBefore: 0, recipients: 2 });
    expect(first?.emailIds).toHaveLength(2);
    const again = async () =>
      expect(await shop.run(share, sharing(order))).toMatchObject([
        { roundsBefore: 1, recipients: 2, emailIds: [] },
      ]);
    expect(await shop.written(again)).toEqual([]);
    const [second] = await shop.run(share, sharing(order, ['bob@example.com', 'new@example.com']));
    expect(second?.emailIds).toHaveLength(1);
    const third = async () =>
      expect(await shop.run(share, sharing(order, ['another@example.com']))).toEqual([
        { withheld: null, restored: true, roundsBefore: 2, recipients: 1, emailIds: [] },
      ]);
    expect(await shop.written(third)).toEqual([]);
    const dynamic_data = { senderName: 'Ada', message: 'Look!' };
    expect(await sharedOf(order)).toEqual([
      { to_email: 'bob@example.com', round: 1, dynamic_data },
      { to_email: 'c@d.ef', round: 1, dynamic_data },
      { to_email: 'new@example.com', round: 2, dynamic_data },
    ]);
  });

  test('writes to an address a few times a day only, of all orders together', async () => {
    const often = [`often-${randomUUID()}@example.com`];
    const counts = [];
    for (const _order of [1, 2, 3, 4])
      counts.push((await shop.run(share, sharing(await shop.completed({ count: 1 }), often)))[0]?.emailIds);
    expect(counts.map((ids) => (ids as unknown[]).length)).toEqual([1, 1, 1, 0]);
  });

  test.each([
    ['unsubscribed', (emailId: string) => shop.run(unsubscribe, { ...nobody, emailId })],
    ['complained', (emailId: string) => shop.run(apply, emailEvent(emailId, 'spamreport', randomUUID()))],
    [
      'unsubscribed',
      (emailId: string) => shop.run(apply, emailEvent(emailId, 'group_unsubscribe', randomUUID())),
    ],
  ])('writes no more to who has %s, and does not tell', async (reason, say) => {
    const stop = [`Stop-${randomUUID()}@example.com`];
    const [sent] = await shop.run(share, sharing(await shop.completed({ count: 1 }), stop));
    const other = await shop.completed({ count: 1 });
    const [waiting] = await shop.run(share, sharing(other, stop));
    for (const _twice of [1, 2]) await say(oneOf(sent));
    const kept = await shop.rows(
      'select reason from email_suppressions where address_hash = address_hash($1)',
      stop,
    );
    expect(kept).toEqual([{ reason }]);
    expect(await shop.run(share, sharing(await shop.completed({ count: 1 }), stop))).toMatchObject([
      { roundsBefore: 0, recipients: 1, emailIds: [] },
    ]);
    const late = await shop.run(claimEmail, emailClaim(oneOf(waiting)));
    expect(late).toMatchObject([{ outcome: 'claimed', unwanted: true, linksExpireAt: null }]);
    expect(await shop.run(claimEmail, emailClaim(other.doneEmailId))).toMatchObject([{ unwanted: false }]);
  });

  test('knows no email that is not there', async () => {
    expect(await shop.run(unsubscribe, { ...nobody, emailId: randomUUID() })).toEqual([{ known: false }]);
  });

  test('signs with the name given with this order, and not with that of the address’s earlier customer', async () => {
    const order = await shop.completed({ count: 1 });
    await shop.rows(
      `with actor as materialized (select set_config('app.actor', 'test', true))
       update email_queue set to_name = 'Mallory' from actor
       where order_id = $1 and email_type = 'order_confirmation'`,
      [order.orderId],
    );
    await shop.run(share, sharing(order, ['mallory@example.com']));
    expect(await sharedOf(order)).toMatchObject([{ dynamic_data: { senderName: 'Mallory' } }]);
  });

  test('shares nothing while nothing is restored, and no unknown order', async () => {
    const fresh = await shop.kept();
    expect(await shop.run(share, sharing(fresh))).toEqual([
      { withheld: null, restored: false, roundsBefore: 0, recipients: 2, emailIds: [] },
    ]);
    expect(await shop.run(share, sharing({ ...fresh, orderId: randomUUID() }))).toEqual([]);
  });
});

describe('reconcile', () => {
  const expiring = (batch: number) => shop.run(expire, { batch }, { aheadMs: 2 * day });

  test('expires photos that were never posted, a batch at a time, and no others', async () => {
    const never = await shop.announced(3);
    const posted = await shop.arrived(1);
    expect(await shop.run(expire, { batch: 9 })).toEqual([{ expired: 0 }]);
    expect(await expiring(2)).toEqual([{ expired: 2 }]);
    expect(await expiring(2)).toEqual([{ expired: 1 }]);
    expect(await expiring(2)).toEqual([{ expired: 0 }]);
    const statusOf = (sessionId: string) =>
      shop.rows('select distinct status from file_uploads where upload_session_id = $1', [sessionId]);
    expect(await statusOf(never.sessionId)).toEqual([{ status: 'expired' }]);
    expect(await statusOf(posted.sessionId)).toEqual([{ status: 'uploaded' }]);
  });

  /** What of that order is stuck, once it has not moved for two hours. */
  async function stuckOf({ orderId }: Order, aheadMs = 2 * hour) {
    const rows = await shop.run(stuck, { overdueSeconds: 3600, batch: 1000 }, { aheadMs });
    return rows
      .filter((row) => row.orderId === orderId)
      .map(({ what }) => what)
      .sort();
  }

  test.each([
    ['placed', ['email pending', 'photo not kept']],
    ['kept', ['email pending', 'job pending']],
    ['claimed', ['email pending', 'job queued']],
    ['processing', ['email pending', 'job processing']],
    ['allRestored', ['email pending', 'order not ended']],
    ['completed', ['email pending', 'email pending']],
  ] as const)('lists what should have moved on in an order that is %s', async (stage, listed) => {
    const order = await shop[stage]({ count: 1 });
    expect(await stuckOf(order)).toEqual(listed);
    expect(await stuckOf(order, 0)).toEqual([]);
  });

  test.each(['refunded', 'disputed'])(
    'leaves the mail alone that waits while its order is %s',
    async (status) => {
      const order = await shop.completed({ count: 1 });
      await shop.run(settle, paymentEvent(order, status));
      expect(await stuckOf(order)).toEqual(['email pending']);
      const listed = await shop.run(stuck, { overdueSeconds: 3600, batch: 1000 }, { aheadMs: 2 * hour });
      expect(listed.filter(({ orderId }) => orderId === order.orderId).map(({ id }) => id)).toEqual([
        order.emailId,
      ]);
    },
  );

  test('does not call a job stuck that waits for its time, until that is an hour ago', async () => {
    const order = await shop.claimed({ count: 1 });
    const jobId = order.photos[0]?.jobId ?? '';
    await shop.run(wait, { ...waiting(jobId), waitSeconds: 4 * 3600 });
    expect(await stuckOf(order)).toEqual(['email pending']);
    expect(await stuckOf(order, 6 * hour)).toEqual(['email pending', 'job pending']);
  });

  test('does not call a photo stuck whose order waits for its money', async () => {
    expect(await stuckOf(await shop.kept({ count: 1, paid: false }))).toEqual(['email pending']);
  });
});
