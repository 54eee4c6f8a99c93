/** Which retrier or catcher takes a failure, and how long a retry waits. */
import type { Catcher, Retrier } from './definition.ts';

/** No wildcard matches these: retrying could not help. */
const terminal = new Set(['States.DataLimitExceeded', 'States.Runtime']);

/** Whether one of the names of `ErrorEquals` matches the error. */
export function matches(names: string[], error: string): boolean {
  return names.some((name) => {
    if (name === error) return true;
    if (terminal.has(error)) return false;
    return name === 'States.ALL' || (name === 'States.TaskFailed' && error !== 'States.Timeout');
  });
}

/**
 * The retry that a failure gets: which retrier, and after how many ms. Undefined when none is left.
 * @param made how often each retrier, by its place, has retried in this visit of the state
 * @param random as Math.random, for `JitterStrategy: FULL`
 */
export function nextRetry(
  retriers: Retrier[],
  made: number[],
  error: string,
  random: () => number,
): { retrier: number; delayMs: number } | undefined {
  const index = retriers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error));
  const retrier = retriers[index];
  const before = made[index] ?? 0;
  if (!retrier || before >= retrier.MaxAttempts) return undefined;
  const grown = retrier.IntervalSeconds * retrier.BackoffRate ** before;
  const longest = Math.min(grown, retrier.MaxDelaySeconds ?? Number.POSITIVE_INFINITY) * 1000;
  return { retrier: index, delayMs: retrier.JitterStrategy === 'FULL' ? longest * random() : longest };
}

/** The first catcher that matches, and its place. */
export function catcherOf(
  catchers: Catcher[],
  error: string,
): { catcher: Catcher; index: number } | undefined {
  const index = catchers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error));
  const catcher = catchers[index];
  return catcher && { catcher, index };
}
