/** How long the running invocation may wait for what is on its way. Lambda runs one at a time. */

/** What is left to answer in, once the wait is over. */
const reserveMs = 5_000;
/** Aurora wakes up within some 15 s; what takes longer comes again. */
const mostMs = 24_000;

export type Remaining = { getRemainingTimeInMillis(): number };

let end = 0;

/** At the beginning of every invocation. Without a context, as in a test, nothing waits. */
export function begin(context?: Remaining): void {
  const left = (context?.getRemainingTimeInMillis() ?? 0) - reserveMs;
  // Not by the clock that tells the time: it can be moved.
  end = performance.now() + Math.min(left, mostMs);
}

/** Waits that long, if there is time; answers whether it did. */
export async function waited(ms: number): Promise<boolean> {
  if (performance.now() + ms > end) return false;
  await new Promise((resolve) => setTimeout(resolve, ms));
  return true;
}
