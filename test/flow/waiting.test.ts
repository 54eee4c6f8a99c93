/** An account at Replicate that may create six predictions a minute, one at a time. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { givenUp, predictions, rows } from './backstage.ts';
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
