/** Waits on the clock, and work with a deadline, that a signal can interrupt. */
import type { Activity, Clock, Timer } from '../clock/index.ts';
import { StatesError } from './failure.ts';

/** Both functions fail with the signal's reason once it aborts. */
export type Interruptible = ReturnType<typeof interruptible>;

export function interruptible(clock: Clock, activity: Activity) {
  /** Waits until the clock shows `at` (ms since 1970); meanwhile no work is under way. */
  async function sleepUntil(at: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (at <= clock.now()) return;
    await new Promise<void>((resolve, reject) => {
      function wake() {
        timer.cancel();
        signal.removeEventListener('abort', wake);
        activity.begin();
        if (signal.aborted) reject(signal.reason);
        else resolve();
      }
      const timer = clock.after(at - clock.now(), wake);
      signal.addEventListener('abort', wake);
      activity.end();
    });
  }

  /** Settles as `work` does, or fails with `States.Timeout` after so many seconds. */
  async function within<T>(seconds: number | undefined, work: Promise<T>, signal: AbortSignal): Promise<T> {
    let timer: Timer | undefined;
    let interrupt = () => {};
    const interrupted = new Promise<never>((_, reject) => {
      interrupt = () => reject(signal.reason);
      if (signal.aborted) interrupt();
      else signal.addEventListener('abort', interrupt);
      if (seconds === undefined) return;
      timer = clock.after(seconds * 1000, () => reject(new StatesError('States.Timeout')));
    });
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      timer?.cancel();
      signal.removeEventListener('abort', interrupt);
    }
  }
  return { sleepUntil, within };
}
