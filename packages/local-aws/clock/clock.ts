/** The local clock. It can run faster than the wall and be moved, so that no test need sleep. */

/** A pending timer; `cancel` is safe after it fired. */
export type Timer = { cancel(): void };

export type Clock = {
  /** Milliseconds since 1970 by this clock. */
  now(): number;
  /** How far this clock is ahead of the wall right now, in ms. */
  ahead(): number;
  /** Runs `action` once this clock has passed `ms` more milliseconds. */
  after(ms: number, action: () => void): Timer;
  /** Resolves when this clock has passed `ms` more milliseconds, or when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Moves the clock forward by `ms`; timers that are due then fire, earliest first. */
  advance(ms: number): void;
  /** Cancels every pending timer. */
  stop(): void;
};

type Pending = { at: number; action: () => void };

/** setTimeout holds at most 2^31-1 ms; a longer wait is taken in several. */
const longestTimeout = 2 ** 31 - 1;

/**
 * @param options `speed`: how many of its milliseconds pass in one of the wall's, 1 by default;
 *   `start`: ms since 1970 at which it starts, the wall's by default
 */
export function createClock(options: { speed?: number; start?: number } = {}): Clock {
  const { speed = 1, start = Date.now() } = options;
  const wallStart = performance.now();
  let moved = 0;
  const now = () => start + moved + (performance.now() - wallStart) * speed;
  const timers = createTimers(now, speed);
  return {
    now,
    ahead: () => now() - Date.now(),
    after: timers.after,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const timer = timers.after(ms, resolve);
        const stopWaiting = () => {
          timer.cancel();
          resolve();
        };
        signal?.addEventListener('abort', stopWaiting, { once: true });
      }),
    advance(ms) {
      moved += ms;
      timers.fireDue();
    },
    stop: timers.stop,
  };
}

function createTimers(now: () => number, speed: number) {
  const pending = new Set<Pending>();
  let alarm: NodeJS.Timeout | undefined;
  const earliest = () =>
    [...pending].reduce<Pending | undefined>((a, b) => (!a || b.at < a.at ? b : a), undefined);

  function fireDue() {
    for (let next = earliest(); next && next.at <= now(); next = earliest()) {
      pending.delete(next);
      next.action();
    }
    schedule();
  }
  function schedule() {
    clearTimeout(alarm);
    const next = earliest();
    if (next) alarm = setTimeout(fireDue, Math.min(Math.max(0, (next.at - now()) / speed), longestTimeout));
  }
  return {
    fireDue,
    after(ms: number, action: () => void): Timer {
      const timer = { at: now() + ms, action };
      pending.add(timer);
      schedule();
      return { cancel: () => void (pending.delete(timer) && schedule()) };
    },
    stop() {
      pending.clear();
      clearTimeout(alarm);
    },
  };
}
