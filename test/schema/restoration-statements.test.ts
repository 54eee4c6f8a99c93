/**
 * The statements of restoring a photo: leases, attempts, and which of them says that it was its
 * order's last.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { settle } from '../../lambdas/payment/settle-payment/settle.sql';
import { fail } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { restored } from '../../lambdas/restoration/store-restored/restored.sql';
import { claim } from '../../lambdas/restoration/submit-job/claim.sql';
import { submitted } from '../../lambdas/restoration/submit-job/submitted.sql';
import { wait } from '../../lambdas/restoration/submit-job/wait.sql';
import {
  leaseSeconds,
  type Order,
  paymentEvent,
  restoration,
  submission,
  waiting,
} from '../../schema/samples/parameters.ts';
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
const photoAt = (order: Order, at = 0) => {
  const photo = order.photos[at];
  if (!photo) throw new Error('The order has no such photo.');
  return photo;
};
const jobIn = (order: Order, at = 0) => photoAt(order, at).jobId;
const claiming = (jobId: string, attempt = 1) => ({ jobId, attempt, leaseSeconds });
const failure = (jobId: string, attempt = 1, retryable = true, counted = true) => ({
  jobId,
  attempt,
  retryable,
  counted,
  errorCode: 'prediction_failed',
  errorMessage: 'no',
});
const jobRow = async (jobId: string) =>
  (await shop.rows('select * from restoration_jobs where id = $1', [jobId]))[0];
const imageRow = async (imageId: string) =>
  (await shop.rows('select * from images where id = $1', [imageId]))[0];
const failForGood = (order: Order, at = 0) => shop.run(fail, failure(jobIn(order, at), 1, false));

describe('submit-job claims', () => {
  test('a waiting job: queued, leased, and its photo is being processed', async () => {
    const order = await shop.kept({ count: 1 });
    const { jobId, imageId } = photoAt(order);
    expect(await shop.run(claim, claiming(jobId))).toEqual([
      {
        outcome: 'claimed',
        imageId,
        orderId: order.orderId,
        storagePath: `uploads/originals/${order.orderId}/${imageId}.jpg`,
        externalJobId: null,
        queuedAt: null,
        scheduledFor: null,
      },
    ]);
    const job = await jobRow(jobId);
    expect(job).toMatchObject({ status: 'queued', attempt_number: 1 });
    expect(job.leased_until.getTime() - job.queued_at.getTime()).toBe(leaseSeconds * 1000);
    expect(await imageRow(imageId)).toMatchObject({ status: 'processing' });
  });

  test('no job that another holds, and the same job once its holder died', async () => {
    const jobId = jobIn(await shop.claimed({ count: 1 }));
    const { queued_at } = await jobRow(jobId);
    const held = () => shop.run(claim, claiming(jobId));
    expect(await shop.written(held)).toEqual([]);
    expect(await held()).toMatchObject([{ outcome: 'held' }]);
    const taken = await shop.run(claim, claiming(jobId), afterLease);
    expect(taken).toMatchObject([{ outcome: 'taken over', queuedAt: expect.any(String) }]);
    // When it was first asked for bounds the search for a prediction that the dead run left behind.
    expect((await jobRow(jobId)).queued_at).toEqual(queued_at);
    expect(await shop.run(claim, claiming(jobId), afterLease)).toMatchObject([{ outcome: 'held' }]);
  });

  test('no job that was submitted, and answers its prediction, so that its poller can be started', async () => {
    const jobId = jobIn(await shop.processing({ count: 1 }));
    const again = async () =>
      expect(await shop.run(claim, claiming(jobId), afterLease)).toMatchObject([
        { outcome: 'submitted', externalJobId: submission(jobId).predictionId },
      ]);
    expect(await shop.written(again)).toEqual([]);
  });

  test.each([
    ['an earlier attempt', 'superseded', async () => claiming(await retried(), 1)],
    ['an attempt to come', 'superseded', async () => claiming(jobIn(await shop.kept({ count: 1 })), 2)],
    ['a restored photo', 'ended', async () => claiming(jobIn(await shop.allRestored({ count: 1 })))],
    ['a failed photo', 'ended', async () => claiming(await failed())],
    ['an order in dispute', 'not payable', async () => claiming(await disputed())],
  ] as const)('nothing for %s', async (_, outcome, make) => {
    const params = await make();
    const claimed = async () =>
      expect(await shop.run(claim, params, afterLease)).toMatchObject([{ outcome }]);
    expect(await shop.written(claimed)).toEqual([]);
  });

  test('with no row an unknown job', async () => {
    expect(await shop.run(claim, claiming(randomUUID()))).toEqual([]);
  });
});

async function retried() {
  const jobId = jobIn(await shop.claimed({ count: 1 }));
  await shop.run(fail, failure(jobId));
  return jobId;
}
async function failed() {
  const order = await shop.kept({ count: 1 });
  await failForGood(order);
  return jobIn(order);
}
async function disputed() {
  const order = await shop.kept({ count: 1 });
  await shop.run(settle, paymentEvent(order, 'disputed'));
  return jobIn(order);
}

describe('a job that the provider asks to wait', () => {
  const placeOf = async (jobId: string) => Number((await jobRow(jobId)).scheduled_for);
  const second = 1000;

  test('is given back with its attempt, and nobody takes it before its time', async () => {
    const jobId = jobIn(await shop.claimed({ count: 1 }));
    const [place] = await shop.run(wait, waiting(jobId));
    expect(await jobRow(jobId)).toMatchObject({
      status: 'pending',
      attempt_number: 1,
      max_attempts: 3,
      leased_until: null,
      error_code: 'provider_throttled',
      scheduled_for: new Date(place?.scheduledFor ?? ''),
    });
    const early = async () =>
      expect(await shop.run(claim, claiming(jobId))).toMatchObject([
        { outcome: 'early', scheduledFor: place?.scheduledFor },
      ]);
    expect(await shop.written(early)).toEqual([]);
    expect(await shop.run(claim, claiming(jobId), { aheadMs: 3_600_000 })).toMatchObject([
      { outcome: 'claimed' },
    ]);
  });

  test('stands behind those who wait already, as far apart as the provider allows', async () => {
    const order = await shop.claimed({ count: 3 });
    const places = [];
    for (const at of [0, 1, 2]) {
      await shop.run(wait, waiting(jobIn(order, at)));
      places.push(await placeOf(jobIn(order, at)));
    }
    const [one = 0, two = 0, three = 0] = places;
    expect([two - one, three - two]).toEqual([11 * second, 11 * second]);
  });

  test('keeps its place if it came only a little too soon, and else stands at the end again', async () => {
    const order = await shop.claimed({ count: 2 });
    const [early, last] = [jobIn(order, 0), jobIn(order, 1)];
    await shop.run(wait, waiting(early));
    await shop.run(wait, waiting(last));
    const due = { aheadMs: (await placeOf(early)) - Date.now() + second };
    const again = async (waitSeconds: number) => {
      await shop.run(claim, claiming(early), due);
      await shop.run(wait, { ...waiting(early), waitSeconds }, due);
      return (await placeOf(early)) - (await placeOf(last));
    };
    expect(await again(2)).toBeLessThan(0);
    due.aheadMs += 3 * second;
    expect(await again(8)).toBe(11 * second);
  });

  test('leaves the line when it is submitted, or its attempt has failed', async () => {
    const order = await shop.claimed({ count: 2 });
    for (const at of [0, 1]) {
      await shop.run(wait, waiting(jobIn(order, at)));
      await shop.run(claim, claiming(jobIn(order, at)), { aheadMs: 3_600_000 });
    }
    await shop.run(submitted, submission(jobIn(order, 0)));
    await shop.run(fail, failure(jobIn(order, 1)));
    expect(await jobRow(jobIn(order, 0))).toMatchObject({ status: 'processing', scheduled_for: null });
    expect(await jobRow(jobIn(order, 1))).toMatchObject({ status: 'pending', scheduled_for: null });
  });

  test('waits no more once another attempt or a refund has overtaken it', async () => {
    const order = await shop.claimed({ count: 1 });
    await shop.run(fail, failure(jobIn(order)));
    expect(await shop.written(() => shop.run(wait, waiting(jobIn(order))))).toEqual([]);
  });
});

describe('submit-job writes down', () => {
  test('the prediction, once, and gives the lease back', async () => {
    const jobId = jobIn(await shop.claimed({ count: 1 }));
    expect(await shop.run(submitted, submission(jobId))).toEqual([{ submitted: 1 }]);
    expect(await jobRow(jobId)).toMatchObject({
      status: 'processing',
      external_job_id: submission(jobId).predictionId,
      leased_until: null,
      input_parameters: { model: 'm' },
    });
    expect(await shop.run(submitted, submission(jobId))).toEqual([{ submitted: 0 }]);
  });

  test('nothing about another attempt, a job never claimed, or an unknown one', async () => {
    const superseded = jobIn(await shop.claimed({ count: 1 }));
    const waiting = jobIn(await shop.kept({ count: 1 }));
    for (const said of [submission(superseded, 2), submission(waiting), submission(randomUUID())])
      expect(await shop.run(submitted, said)).toEqual([{ submitted: 0 }]);
  });
});

describe('store-restored', () => {
  test('writes the restored photo, its job and its original in one breath', async () => {
    const order = await shop.processing({ count: 1 });
    const { jobId, imageId } = photoAt(order);
    const wrote = await shop.written(async () =>
      expect(await shop.run(restored, restoration(jobId))).toEqual([
        { orderId: order.orderId, status: 'completed', last: true },
      ]),
    );
    expect(wrote).toEqual(['image created', 'image status_changed', 'restoration_job status_changed']);
    const job = await jobRow(jobId);
    expect(job).toMatchObject({ status: 'completed', output_data: { bytes: 1000, width: 40, height: 30 } });
    expect(await imageRow(job.restored_image_id)).toMatchObject({
      type: 'restored',
      parent_image_id: imageId,
      mime_type: 'image/png',
      original_filename: 'photo-0.jpg',
    });
  });

  test('says of each photo whether it was the last, and says it again when asked again', async () => {
    const order = await shop.processing({ count: 2 });
    const end = (at: number) => shop.run(restored, restoration(jobIn(order, at)));
    expect(await end(0)).toMatchObject([{ last: false }]);
    expect(await end(1)).toMatchObject([{ last: true }]);
    const again = async () => {
      expect(await end(0)).toMatchObject([{ status: 'completed', last: true }]);
      expect(await end(1)).toMatchObject([{ status: 'completed', last: true }]);
    };
    expect(await shop.written(again)).toEqual([]);
  });

  test('writes nothing for a job that failed meanwhile or was never submitted', async () => {
    const given = await shop.processing({ count: 1 });
    await failForGood(given);
    const waiting = await shop.claimed({ count: 1 });
    const late = async () => {
      expect(await shop.run(restored, restoration(jobIn(given)))).toMatchObject([{ status: 'failed' }]);
      expect(await shop.run(restored, restoration(jobIn(waiting)))).toMatchObject([{ status: 'queued' }]);
    };
    expect(await shop.written(late)).toEqual([]);
  });

  test('answers no row for another attempt or an unknown job', async () => {
    const jobId = jobIn(await shop.processing({ count: 1 }));
    expect(await shop.run(restored, restoration(jobId, 2))).toEqual([]);
    expect(await shop.run(restored, restoration(randomUUID()))).toEqual([]);
  });
});

describe('fail-attempt', () => {
  test('gives the job its next attempt, and answers the same when asked again', async () => {
    const jobId = jobIn(await shop.processing({ count: 1 }));
    const [row] = await shop.run(fail, failure(jobId));
    expect(row).toMatchObject({ outcome: 'again', externalJobId: submission(jobId).predictionId });
    expect(await jobRow(jobId)).toMatchObject({
      status: 'pending',
      attempt_number: 2,
      external_job_id: null,
      leased_until: null,
      error_code: 'prediction_failed',
    });
    const again = async () =>
      expect(await shop.run(fail, failure(jobId))).toMatchObject([{ outcome: 'again' }]);
    expect(await shop.written(again)).toEqual([]);
  });

  test('waits twice as long each time, with jitter', async () => {
    const jobId = jobIn(await shop.kept({ count: 1 }));
    for (const [attempt, most] of [30, 60].entries()) {
      await shop.run(claim, claiming(jobId, attempt + 1));
      const [row] = await shop.run(fail, failure(jobId, attempt + 1));
      expect(row?.delaySeconds).toBeGreaterThanOrEqual(most / 2);
      expect(row?.delaySeconds).toBeLessThanOrEqual(most);
    }
  });

  test('gives the photo up after the last attempt', async () => {
    const order = await shop.kept({ count: 1 });
    const { jobId, imageId } = photoAt(order);
    for (const attempt of [1, 2]) await shop.run(fail, failure(jobId, attempt));
    expect(await shop.run(fail, failure(jobId, 3))).toMatchObject([{ outcome: 'failed', last: true }]);
    expect(await jobRow(jobId)).toMatchObject({ status: 'failed', failed_at: expect.any(Date) });
    expect(await imageRow(imageId)).toMatchObject({ status: 'failed', error_code: 'prediction_failed' });
  });

  test('takes no attempt from the photo for what is not about it, a day long', async () => {
    const order = await shop.kept({ count: 1 });
    const { jobId, imageId } = photoAt(order);
    const lost = (attempt: number) => shop.run(fail, failure(jobId, attempt, true, false));
    for (let attempt = 1; attempt <= 21; attempt += 1)
      expect(await lost(attempt)).toMatchObject([{ outcome: 'again' }]);
    expect(await shop.written(() => lost(21))).toEqual([]);
    expect(await jobRow(jobId)).toMatchObject({ attempt_number: 22, max_attempts: 24 });
    for (const attempt of [22, 23]) await shop.run(fail, failure(jobId, attempt));
    expect(await lost(24)).toMatchObject([{ outcome: 'failed' }]);
    expect(await imageRow(imageId)).toMatchObject({ status: 'failed' });
  });

  test('gives the photo up at once when another try would not help, and says again whether it was the last', async () => {
    const order = await shop.processing({ count: 2 });
    expect(await failForGood(order)).toMatchObject([{ outcome: 'failed', last: false }]);
    expect(await failForGood(order, 1)).toMatchObject([{ outcome: 'failed', last: true }]);
    const again = async () =>
      expect(await failForGood(order)).toMatchObject([{ outcome: 'failed', last: true }]);
    expect(await shop.written(again)).toEqual([]);
  });

  test.each([
    ['an attempt long over', async () => failure(await twiceRetried(), 1)],
    ['an attempt to come', async () => failure(jobIn(await shop.processing({ count: 1 })), 2)],
    ['a restored photo', async () => failure(jobIn(await shop.allRestored({ count: 1 })))],
  ] as const)('changes nothing for %s', async (_, make) => {
    const params = await make();
    const late = async () => expect(await shop.run(fail, params)).toMatchObject([{ outcome: 'superseded' }]);
    expect(await shop.written(late)).toEqual([]);
  });

  test('answers no row for an unknown job', async () => {
    expect(await shop.run(fail, failure(randomUUID()))).toEqual([]);
  });
});

async function twiceRetried() {
  const jobId = await retried();
  await shop.run(fail, failure(jobId, 2));
  return jobId;
}
