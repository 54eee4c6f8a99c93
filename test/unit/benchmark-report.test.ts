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
  expect(misses(cost, large, 1, smaller)).toEqual([]);
});

test('a statement that takes twice as long in the larger database misses its budget, with ten photos too', () => {
  expect(misses(costOf([2, 8, 2, 8]), large, 1, costOf([1, 4, 1, 4]))).toEqual(['time × 1.98']);
});

test('a scan of a large table and too many buffers are missed budgets', () => {
  const cost = costOf([1]);
  expect(misses({ ...cost, buffers: 701, scanned: ['orders', 'status_transitions'] }, large, 1)).toEqual([
    'buffers > 700',
    'seq scan of orders',
  ]);
});

test('what was not measured is not met', () => {
  expect(misses(costOf([1], []), large, 1)).toEqual(['buffers > 700']);
  expect(misses({ ...costOf([]), photos: 1 }, large, 1)).toEqual(['time > 37 yardsticks']);
  expect(misses({ ...costOf([1]), photos: 1 }, large, Number.NaN)).toEqual(['time > 37 yardsticks']);
  expect(misses(costOf([1]), large, 1, costOf([]))).toEqual(['time × NaN']);
});

test('a time is judged by the yardstick of its own run, and placing an order by a budget of its own', () => {
  const takes = (statement: string, isRead: boolean, p50: number, yardstickMs: number) =>
    misses({ ...costOf([1]), statement, isRead, photos: 1, buffers: 1, p50 }, large, yardstickMs);
  expect(takes('payment/place-order/place', false, 2.9, 0.08)).toEqual([]);
  expect(takes('payment/place-order/place', false, 5.8, 0.16)).toEqual([]);
  expect(takes('payment/place-order/place', false, 3.1, 0.08)).toEqual(['time > 37 yardsticks']);
  expect(takes('payment/keep-original/keep', false, 2.1, 0.08)).toEqual(['time > 25 yardsticks']);
  expect(takes('order/get-order/order', true, 0.6, 0.08)).toEqual(['time > 6 yardsticks']);
});
