/**
 * Providers that ask for patience: a small account at Replicate, a mail server that blocks for now.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { givenUp, mailsTo, predictions, queueOf, rows } from './backstage.ts';
import { ended, openSystem, photo, placeOrder, type TestSystem } from './system.ts';

let system: TestSystem;
beforeAll(async () => {
  // Slower than elsewhere: a function's time counts as five of its own, and not as ten.
  system = await openSystem({ speed: 5 });
});
afterAll(() => system?.close());

const photos = 12;
/** Of six a minute; the first goes at once. */
const shortestSeconds = (photos - 1) * 10;

const waits = () => system.log.filter((line) => line.includes('"message":"job waits for the provider"'));

test('twelve photos wait for their turns: all are restored, at the first attempt, in two minutes', async () => {
  await fetch(`${system.urls.restorations}/double/limit`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account: 'small' }),
  });
  const taken = await Promise.all(Array.from({ length: photos }, (_, n) => photo(`${n}.jpg`, n)));
  const order = await placeOrder(system, taken);
  const { status, photos: restored } = await ended(system, order);
  expect(status).toBe('completed');
  expect(restored.map(({ state }) => state)).toEqual(Array(photos).fill('restored'));
  const jobs = await rows(
    system,
    `select job.attempt_number as attempt, job.max_attempts as most, job.scheduled_for as waits, job.error_code as code
     from restoreclick.restoration_jobs as job join restoreclick.images as image on image.id = job.original_image_id
     where image.order_id = $1`,
    [order.orderId],
  );
  expect(jobs).toEqual(Array(photos).fill({ attempt: 1, most: 3, waits: null, code: null }));
  expect(await predictions(system, order.orderId)).toHaveLength(photos);
  await system.quiet();
  expect(givenUp(system)).toEqual({});
  const [{ seconds } = {}] = await rows(
    system,
    `select extract(epoch from max(started_at) - min(started_at))::float8 as seconds
     from restoreclick.restoration_jobs`,
  );

  expect(seconds).toBeGreaterThan(shortestSeconds - 10);
  // Two minutes on a quiet machine; on a busy one functions take long, and places are missed.
  expect(seconds).toBeLessThan(3 * shortestSeconds);
  // Each may be refused with the first crowd, and once more when it comes a little too soon. All
  // at once, they would be refused 66 times.
  expect(waits().length).toBeLessThanOrEqual(2 * photos);
});

test('mails that the recipient’s server blocks are no bounces: each is sent three times, an hour apart', async () => {
  const by = { email: 'ada@block.example', name: 'Ada' };
  const { orderId } = await placeOrder(system, [await photo('Blocked.jpg', 20)], by);
  const mails = () =>
    rows(
      system,
      `select status, error_code as code, attempt_number as attempt from restoreclick.email_queue
       where order_id = $1`,
      [orderId],
    );
  const both = (status: string, attempt: number) =>
    system.until(
      async () => ({ now: await mails(), ...system.sqs.counts(queueOf(system, 'email/send-email').arn) }),
      ({ now, delayed }) =>
        now.filter((mail) => mail.status === status && mail.attempt === attempt).length === 2 &&
        (status === 'failed' || delayed === 2),
    );
  for (const attempt of [1, 2]) {
    await both('pending', attempt);
    system.clock.advance(3_600_000);
  }
  const { now } = await both('failed', 3);
  expect(now.map(({ code }) => code)).toEqual(['recipient_blocked', 'recipient_blocked']);
  expect(await mailsTo(system.at, by.email)).toHaveLength(6);
  expect(givenUp(system)).toEqual({});
});
