import { expect, test } from '@jest/globals';
import type { Sample } from '../../schema/bench/measure.ts';
import { type Cost, costsOf, misses } from '../../schema/bench/report.ts';

const photos = 10;
const one = { statement: 'payment/place-order/place', isRead: false, photos, rows: 1 };
const timed = (runMs: number): Sample => ({ ...one, planMs: 0.1, runMs });
const counted: Sample = { ...one, buffers: 100, scanned: [] };
const costOf = (runs: number[], counts = [counted]): Cost => {
  const [cost] = costsOf([...runs.map(timed), ...counts]);
  if (!cost) throw new Error('No cost.');
  return cost;
};
const large = new Set(['orders']);

test('a machine that is slow for half of the runs has not made a statement grow', () => {
  const quickThenSlow = [1, 1, 1, 4, 4, 4];
  const cost = costOf([...quickThenSlow, 4]);
  const smaller = costOf([1, ...quickThenSlow]);
  expect(cost.p50 / smaller.p50).toBeGreaterThan(3);
  expect(misses(cost, large, smaller)).toEqual([]);
});

test('a statement that takes twice as long in the larger database misses its budget, with ten photos too', () => {
  expect(misses(costOf([2, 8, 2, 8]), large, costOf([1, 4, 1, 4]))).toEqual(['time × 1.98']);
});

test('a scan of a large table and too many buffers are missed budgets', () => {
  const cost = costOf([1]);
  expect(misses({ ...cost, buffers: 701, scanned: ['orders', 'status_transitions'] }, large)).toEqual([
    'buffers > 700',
    'seq scan of orders',
  ]);
});

test('what was not measured is not met', () => {
  expect(misses(costOf([1], []), large)).toEqual(['buffers > 700']);
  expect(misses({ ...costOf([]), photos: 1 }, large)).toEqual(['p50 > 2 ms']);
  expect(misses(costOf([1]), large, costOf([]))).toEqual(['time × NaN']);
});
