/** The mark by which a photo's prediction is found again. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { isMarkedFor } from '../../lambdas/providers/restoration.ts';
import { isRetryable, restorationCodes } from '../../lambdas/providers/restoration-codes.ts';

const imageKey = 'uploads/originals/o1/i 1.jpg';
const photo = { jobId: 'job-1', attempt: 1, imageKey };
const credentials = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
};
const before = { ...process.env };

beforeAll(() => {
  Object.assign(process.env, credentials);
  jest.useFakeTimers({ now: Date.UTC(2026, 10, 22), doNotFake: ['nextTick', 'setImmediate', 'setTimeout'] });
});
afterAll(() => {
  jest.useRealTimers();
  process.env = before;
});

async function presign(attempt: number) {
  const { presignPhoto } = await import('../../lambdas/restoration/submit-job/presign-photo.ts');
  return new URL(await presignPhoto('originals', imageKey, { jobId: 'job-1', attempt }, 3600));
}

test('a presigned address carries the mark, and the signature covers it', async () => {
  const [one, again, two] = await Promise.all([presign(1), presign(1), presign(2)]);
  const signature = (url: URL) => url.searchParams.get('X-Amz-Signature');
  expect(isMarkedFor(one.href, photo)).toBe(true);
  expect(isMarkedFor(two.href, photo)).toBe(false);
  expect(signature(again)).toBe(signature(one));
  expect(signature(two)).not.toBe(signature(one));
});

test.each(['', 'undefined', 'https://a.example/uploads/originals/o1/i 1.jpg', 'https://a.example/%E0%A4%A'])(
  'an address like %j is not marked',
  (address) => expect(isMarkedFor(address, photo)).toBe(false),
);

test('every code fits its column and says what happened and what to do', () => {
  for (const [code, { meaning, operator }] of Object.entries(restorationCodes)) {
    expect(code).toMatch(/^[a-z_]{1,50}$/);
    expect(meaning).toMatch(/\.$/);
    expect(operator).toMatch(/\.$/);
  }
  expect(isRetryable('moderation_refused')).toBe(false);
  expect(isRetryable('prediction_failed')).toBe(true);
});
