import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { type Clock, createClock } from '../clock/index.ts';

const made: Clock[] = [];
function clock(options: Parameters<typeof createClock>[0] = {}): Clock {
  const one = createClock({ start: 1_000_000, ...options });
  made.push(one);
  return one;
}
afterEach(() => {
  for (const one of made.splice(0)) one.stop();
});

describe('the clock', () => {
  test('moved forward fires what is due, earliest first, before it returns', () => {
    const it = clock();
    const fired: string[] = [];
    it.after(3000, () => fired.push('third'));
    it.after(1000, () => fired.push('first'));
    it.after(2000, () => fired.push('second'));
    it.after(60_000, () => fired.push('never'));
    it.advance(3000);
    expect(fired).toEqual(['first', 'second', 'third']);
  });

  test('fires what a timer sets in turn, if that is due too', () => {
    const it = clock();
    const inner = jest.fn();
    it.after(1000, () => void it.after(0, inner));
    it.advance(5000);
    expect(inner).toHaveBeenCalledTimes(1);
  });

  test('knows the time it was moved to, and how far that is ahead', () => {
    const it = clock({ start: Date.now() });
    it.advance(86_400_000);
    expect(Math.round(it.ahead() / 10_000)).toBe(8640);
    expect(it.now()).toBeGreaterThanOrEqual(Date.now() + 86_399_000);
  });

  test('forgets a cancelled timer, also when it is cancelled twice or late', () => {
    const it = clock();
    const action = jest.fn();
    const timer = it.after(10, action);
    timer.cancel();
    timer.cancel();
    it.advance(100);
    const fired = it.after(10, action);
    it.advance(100);
    fired.cancel();
    expect(action).toHaveBeenCalledTimes(1);
  });

  test('wakes a sleeper in time, and at once when it is called off', async () => {
    const it = clock();
    const over = it.sleep(5000);
    it.advance(5000);
    await over;
    const controller = new AbortController();
    const calledOff = it.sleep(1_000_000, controller.signal);
    controller.abort();
    await calledOff;
    await it.sleep(1_000_000, controller.signal);
    expect(it.now()).toBeLessThan(1_000_000 + 60_000);
  });

  test('runs faster than the wall’s', async () => {
    const it = clock({ speed: 1000 });
    await it.sleep(3000);
    expect(it.now()).toBeGreaterThanOrEqual(1_003_000);
  });

  test('waits longer than a timer of Node’s can', () => {
    const it = clock();
    const action = jest.fn();
    it.after(2 ** 33, action);
    it.advance(2 ** 32);
    expect(action).not.toHaveBeenCalled();
    it.advance(2 ** 32);
    expect(action).toHaveBeenCalledTimes(1);
  });
});
