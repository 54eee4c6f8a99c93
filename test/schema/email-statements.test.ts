/**
 * The email flow's statements: leases, links made with a send, doubt, backoff, and the provider's
 * last word.
 */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apply } from '../../lambdas/email/receive-sendgrid-events/apply.sql';
import { claim } from '../../lambdas/email/send-email/claim.sql';
import { settle } from '../../lambdas/email/send-email/settle.sql';
import { settle as settlePayment } from '../../lambdas/payment/settle-payment/settle.sql';
import { leaseSeconds, paymentEvent } from '../../schema/samples/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

const afterLease = { aheadMs: (leaseSeconds + 1) * 1000 };
const claiming = (emailId: string, seed: string = randomUUID()) => ({
  emailId,
  seed,
  leaseSeconds,
  maxDownloads: 10,
  linkSeconds: 86_400,
});
const result = (emailId: string, outcome: 'sent' | 'retry' | 'doubtful' | 'failed', attempt = 1) => ({
  emailId,
  attempt,
  outcome,
  messageId: outcome === 'sent' ? 'm' : null,
  subject: 'Your photos',
  errorCode: outcome === 'sent' ? null : 'email_unavailable',
  errorMessage: null,
  doubtSeconds: 600,
});
const said = (emailId: string, type: string, attempt?: number) => ({
  events: JSON.stringify([{ id: randomUUID(), type, email_id: emailId, attempt, at: 1_790_000_000 }]),
  blockedSeconds: 3600,
});
const nobodyWaits = { emailId: null, orderId: null, scheduledFor: null };
const emailRow = async (id: string) => (await shop.rows('select * from email_queue where id = $1', [id]))[0];
const confirmation = async () => (await shop.placed({ count: 1 })).emailId;

async function claimedEmail() {
  const emailId = await confirmation();
  await shop.run(claim, claiming(emailId));
  return emailId;
}

async function emailThatIs(outcome: 'sent' | 'retry' | 'doubtful' | 'failed') {
  const emailId = await claimedEmail();
  await shop.run(settle, result(emailId, outcome));
  return emailId;
}

describe('send-email claims', () => {
  test('an email that is due', async () => {
    const emailId = await confirmation();
    expect(await shop.run(claim, claiming(emailId))).toMatchObject([
      { outcome: 'claimed', attempt: 1, toEmail: 'ada@example.com', photoCount: 1, archiveLinkId: null },
    ]);
    expect(await emailRow(emailId)).toMatchObject({ status: 'sending', attempt_number: 1, sent_at: null });
  });

  test('no email that another holds, saying when to look again, and the same once its holder died', async () => {
    const emailId = await claimedEmail();
    const held = async () => {
      const [row] = await shop.run(claim, claiming(emailId));
      expect(row).toMatchObject({ outcome: 'waiting', attempt: 1 });
      expect(row?.waitSeconds).toBeGreaterThan(leaseSeconds - 10);
      expect(row?.waitSeconds).toBeLessThanOrEqual(leaseSeconds);
    };
    expect(await shop.written(held)).toEqual([]);
    expect(await shop.run(claim, claiming(emailId), afterLease)).toMatchObject([
      { outcome: 'claimed', attempt: 2 },
    ]);
  });

  test('no email before its time', async () => {
    const emailId = await emailThatIs('retry');
    expect(await shop.run(claim, claiming(emailId))).toMatchObject([{ outcome: 'waiting', attempt: 1 }]);
    expect(await shop.run(claim, claiming(emailId), { aheadMs: 120_000 })).toMatchObject([
      { outcome: 'claimed', attempt: 2 },
    ]);
  });

  test('no email whose attempts are used', async () => {
    const emailId = await confirmation();
    for (const attempt of [1, 2, 3])
      await shop.run(claim, claiming(emailId), { aheadMs: (attempt * leaseSeconds + attempt) * 1000 });
    const late = { aheadMs: 5 * leaseSeconds * 1000 };
    const spent = async () =>
      expect(await shop.run(claim, claiming(emailId), late)).toMatchObject([
        { outcome: 'exhausted', attempt: 3 },
      ]);
    expect(await shop.written(spent)).toEqual([]);
  });

  test.each(['sent', 'failed'] as const)('no email that is %s', async (outcome) => {
    const emailId = await emailThatIs(outcome);
    expect(await shop.run(claim, claiming(emailId), afterLease)).toMatchObject([{ outcome: 'ended' }]);
  });

  test('no unknown email', async () => {
    expect(await shop.run(claim, claiming(randomUUID()))).toEqual([]);
  });

  test('the completion with a row a photo, and links of whose tokens only the hashes are kept', async () => {
    const order = await shop.completed({ count: 2 });
    const rows = await shop.run(claim, claiming(order.doneEmailId, 'seed'));
    expect(rows.map(({ originalFilename, photoStatus }) => [originalFilename, photoStatus])).toEqual([
      ['photo-0.jpg', 'completed'],
      ['photo-1.jpg', 'completed'],
    ]);
    for (const { attachmentPath, restoredId } of rows) {
      expect(attachmentPath).toMatch(/^uploads\/restored\//);
      expect(restoredId).not.toBeNull();
    }
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const links = await shop.rows('select * from download_links where order_id = $1 order by link_type', [
      order.orderId,
    ]);
    const opens = ['all', ...rows.map(({ restoredId }) => restoredId)];
    expect(new Set(links.map(({ token }) => token))).toEqual(
      new Set(opens.map((what) => sha256(sha256(`seed/${what}`)))),
    );
    expect(links.map(({ link_type }) => link_type)).toEqual(['single_image', 'single_image', 'zip_all']);
    expect(rows[0]?.archiveLinkId).toBe(links[2].id);
  });

  test.each(['refunded', 'disputed'])(
    'no photos of an order that is %s, until it is paid again',
    async (status) => {
      const order = await shop.completed({ count: 1 });
      await shop.run(settlePayment, paymentEvent(order, status));
      const waits = async () =>
        expect(await shop.run(claim, claiming(order.doneEmailId))).toMatchObject([{ outcome: 'withheld' }]);
      expect(await shop.written(waits)).toEqual([]);
      expect(await shop.run(claim, claiming(order.emailId))).toMatchObject([{ outcome: 'claimed' }]);
      const again = paymentEvent(order, 'paid');
      for (const _delivery of [1, 2])
        expect(await shop.run(settlePayment, again)).toMatchObject([{ emailIds: [order.doneEmailId] }]);
      expect(await shop.run(claim, claiming(order.doneEmailId))).toMatchObject([{ outcome: 'claimed' }]);
    },
  );

  test('makes no links when it does not take the email', async () => {
    const order = await shop.completed({ count: 1 });
    await shop.run(claim, claiming(order.doneEmailId));
    expect(await shop.written(() => shop.run(claim, claiming(order.doneEmailId)))).toEqual([]);
  });
});

describe('send-email settles', () => {
  test.each([
    ['sent', { status: 'sent', sendgrid_message_id: 'm', sent_at: expect.any(Date), leased_until: null }],
    ['failed', { status: 'failed', failed_at: expect.any(Date), error_code: 'email_unavailable' }],
    ['retry', { status: 'pending', attempt_number: 1, leased_until: null }],
    ['doubtful', { status: 'sending', leased_until: expect.any(Date) }],
  ] as const)('an attempt that is %s, once', async (outcome, row) => {
    const emailId = await emailThatIs(outcome);
    expect(await emailRow(emailId)).toMatchObject(row);
    if (outcome !== 'doubtful')
      expect(await shop.written(() => shop.run(settle, result(emailId, outcome)))).toEqual([]);
  });

  test('backs off twice as long each time, and takes no attempt from the email', async () => {
    const emailId = await confirmation();
    let aheadMs = 0;
    for (const [at, most] of [60, 120].entries()) {
      await shop.run(claim, claiming(emailId), { aheadMs });
      const [row] = await shop.run(settle, result(emailId, 'retry', at + 1), { aheadMs });
      expect(row?.lookAgainSeconds).toBeGreaterThanOrEqual(most / 2);
      expect(row?.lookAgainSeconds).toBeLessThanOrEqual(most);
      aheadMs += most * 1000;
    }
    expect(await emailRow(emailId)).toMatchObject({ status: 'pending', attempt_number: 2, max_attempts: 5 });
  });

  test('gives up after a hundred attempts, a day of them', async () => {
    const emailId = await confirmation();
    await shop.rows(
      `with actor as materialized (select set_config('app.actor', 'operator', true))
       update email_queue set attempt_number = 99, max_attempts = 101 from actor where id = $1`,
      [emailId],
    );
    await shop.run(claim, claiming(emailId));
    expect(await shop.run(settle, result(emailId, 'retry', 100))).toEqual([
      { outcome: 'failed', lookAgainSeconds: null },
    ]);
    expect(await emailRow(emailId)).toMatchObject({ status: 'failed', attempt_number: 100 });
  });

  test('leaves a doubtful email until the provider or the lease decides', async () => {
    const emailId = await claimedEmail();
    expect(await shop.run(settle, result(emailId, 'doubtful'))).toEqual([
      { outcome: 'doubtful', lookAgainSeconds: 600 },
    ]);
    expect(await shop.run(claim, claiming(emailId), afterLease)).toMatchObject([{ outcome: 'waiting' }]);
    expect(await shop.run(claim, claiming(emailId), { aheadMs: 601_000 })).toMatchObject([
      { outcome: 'claimed', attempt: 2 },
    ]);
  });

  test('nothing of an attempt that another run took over, and no unknown email', async () => {
    const emailId = await claimedEmail();
    await shop.run(claim, claiming(emailId), afterLease);
    expect(await shop.written(() => shop.run(settle, result(emailId, 'failed')))).toEqual([]);
    expect(await shop.run(settle, result(randomUUID(), 'sent'))).toEqual([]);
  });
});

describe("the provider's events", () => {
  test.each([
    ['delivered', 'doubtful', { status: 'sent', sent_at: expect.any(Date), leased_until: null }],
    ['processed', 'retry', { status: 'sent', sent_at: expect.any(Date) }],
    ['delivered', 'failed', { status: 'sent', error_code: null, failed_at: null }],
    ['bounce', 'sent', { status: 'bounced', error_code: 'recipient_bounced' }],
    ['dropped', 'doubtful', { status: 'bounced', error_code: 'recipient_dropped' }],
  ] as const)('%s settles an email that was %s', async (type, outcome, row) => {
    const emailId = await emailThatIs(outcome);
    expect(await shop.run(apply, said(emailId, type))).toEqual([{ received: 1, applied: 1, ...nobodyWaits }]);
    expect(await emailRow(emailId)).toMatchObject(row);
  });

  test('are applied once, whether they come twice together or one after the other', async () => {
    const emailId = await emailThatIs('doubtful');
    const event = { id: randomUUID(), type: 'delivered', email_id: emailId, at: 1_790_000_000 };
    const twice = { events: JSON.stringify([event, event]), blockedSeconds: 3600 };
    expect(await shop.run(apply, twice)).toMatchObject([{ received: 1, applied: 1 }]);
    expect(await shop.written(() => shop.run(apply, twice))).toEqual([]);
  });

  test('of acceptance change nothing about an email that is sent; a bounce with them is the last word', async () => {
    const emailId = await emailThatIs('sent');
    expect(await shop.run(apply, said(emailId, 'delivered'))).toMatchObject([{ received: 1, applied: 0 }]);
    const both = ['delivered', 'bounce'].map((type) => JSON.parse(said(emailId, type).events)[0]);
    await shop.run(apply, { events: JSON.stringify(both), blockedSeconds: 3600 });
    expect(await emailRow(emailId)).toMatchObject({ status: 'bounced' });
    expect(await shop.run(apply, said(emailId, 'delivered'))).toMatchObject([{ received: 1, applied: 0 }]);
  });

  const together = (...events: { events: string }[]) => ({
    events: JSON.stringify(events.flatMap(({ events }) => JSON.parse(events))),
    blockedSeconds: 3600,
  });
  const hour = { aheadMs: 3_601_000 };

  test.each(['sent', 'doubtful'] as const)(
    'blocked is no bounce: an email that was %s waits an hour for its next attempt',
    async (outcome) => {
      const emailId = await emailThatIs(outcome);
      const [told] = await shop.run(apply, said(emailId, 'blocked', 1));
      const row = await emailRow(emailId);
      expect(told).toMatchObject({ received: 1, applied: 1, emailId, orderId: row.order_id });
      expect(row).toMatchObject({
        status: 'pending',
        error_code: 'recipient_blocked',
        attempt_number: 1,
        sent_at: null,
        failed_at: null,
        leased_until: null,
        scheduled_for: new Date(told?.scheduledFor ?? ''),
      });
      expect(row.scheduled_for.getTime() - row.updated_at.getTime()).toBe(3_600_000);
      expect(await shop.run(claim, claiming(emailId))).toMatchObject([{ outcome: 'waiting' }]);
      expect(await shop.run(claim, claiming(emailId), hour)).toMatchObject([
        { outcome: 'claimed', attempt: 2 },
      ]);
    },
  );

  test('blocked names the waiting email again when its batch comes again, so that no message is lost', async () => {
    const emailId = await emailThatIs('sent');
    const batch = said(emailId, 'blocked', 1);
    const [first] = await shop.run(apply, batch);
    const again = async () =>
      expect(await shop.run(apply, batch)).toEqual([{ ...first, received: 0, applied: 0 }]);
    expect(await shop.written(again)).toEqual([]);
  });

  test('blocked at the last attempt is a failure, of an email that is not sent again', async () => {
    const emailId = await emailThatIs('sent');
    await shop.rows(
      `with actor as materialized (select set_config('app.actor', 'operator', true))
       update email_queue set attempt_number = 3 from actor where id = $1`,
      [emailId],
    );
    expect(await shop.run(apply, said(emailId, 'blocked', 3))).toMatchObject([
      { applied: 1, ...nobodyWaits },
    ]);
    expect(await emailRow(emailId)).toMatchObject({
      status: 'failed',
      error_code: 'recipient_blocked',
      failed_at: expect.any(Date),
    });
  });

  test.each([
    ['an earlier attempt', (id: string) => said(id, 'blocked', 7)],
    ['one that was delivered', (id: string) => together(said(id, 'blocked', 1), said(id, 'delivered', 1))],
  ])('blocked changes nothing of %s', async (_what, events) => {
    const emailId = await emailThatIs('sent');
    await shop.run(apply, events(emailId));
    expect(await emailRow(emailId)).toMatchObject({ status: 'sent', error_code: null });
  });

  test('processed, told after it was blocked or with it, does not call it sent; delivered does', async () => {
    const emailId = await emailThatIs('doubtful');
    await shop.run(apply, together(said(emailId, 'blocked', 1), said(emailId, 'processed', 1)));
    expect(await emailRow(emailId)).toMatchObject({ status: 'pending' });
    await shop.run(apply, said(emailId, 'processed', 1));
    expect(await emailRow(emailId)).toMatchObject({ status: 'pending' });
    await shop.run(apply, said(emailId, 'delivered', 1));
    expect(await emailRow(emailId)).toMatchObject({ status: 'sent', error_code: null });
  });

  test('about an unknown email join the inbox only', async () => {
    const wrote = await shop.written(() => shop.run(apply, said(randomUUID(), 'delivered')));
    expect(wrote).toEqual(['webhook_event created']);
  });
});
