/** The mark by which a photo's prediction is found again. */
import { expect, test } from '@jest/globals';
import { attemptMarker, isMarkedFor } from '../../lambdas/providers/restoration.ts';
import { isRetryable, restorationCodes } from '../../lambdas/providers/restoration-codes.ts';

const imageKey = 'uploads/originals/o1/i 1.jpg';
const photo = { jobId: 'job-1', attempt: 1, imageKey };

test('a photo’s address is known by its key and the attempt that it is marked for', () => {
  const address = (attempt: number) => {
    const { name, value } = attemptMarker({ jobId: 'job-1', attempt });
    return `https://originals.s3.example/uploads/originals/o1/i%201.jpg?X-Amz-Expires=3600&${name}=${value}`;
  };
  expect(isMarkedFor(address(1), photo)).toBe(true);
  expect(isMarkedFor(address(2), photo)).toBe(false);
  expect(isMarkedFor(address(1), { ...photo, jobId: 'job-2' })).toBe(false);
  expect(isMarkedFor(address(1), { ...photo, imageKey: 'uploads/originals/o1/i2.jpg' })).toBe(false);
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
