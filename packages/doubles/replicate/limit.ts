/** How many predictions an account may create: a bucket that fills with time, as Replicate's. */

import type { Clock } from '@restoreclick/local-aws';
import { z } from 'zod';

/** Replicate's limit for ordinary accounts: 600 creates a minute. */
const ordinary = { perMinute: 600, burst: 600 };
/** And for those with little credit left: 6 a minute, one at a time. */
const small = { perMinute: 6, burst: 1 };

/** What a tester sets: `{"account":"small"}`, or figures of any other account. */
export const limitOrder = z.union([
  z.strictObject({ account: z.enum(['ordinary', 'small']) }),
  z.strictObject({ perMinute: z.number().positive(), burst: z.int().positive().default(1) }),
]);
type Limit = { perMinute: number; burst: number };

export type CreateLimit = {
  set(order: z.output<typeof limitOrder>): void;
  current(): Limit;
  /** Uses up one create. @returns 0, or the seconds until the next is allowed */
  take(): number;
};

export function createLimit(clock: Clock): CreateLimit {
  let limit: Limit = ordinary;
  let left = limit.burst;
  let at = clock.now();
  return {
    set(order) {
      limit = 'account' in order ? { ordinary, small }[order.account] : order;
      left = limit.burst;
      at = clock.now();
    },
    current: () => limit,
    take() {
      const now = clock.now();
      left = Math.min(limit.burst, left + ((now - at) / 60_000) * limit.perMinute);
      at = now;
      if (left < 1) return Math.max(1, Math.ceil(((1 - left) / limit.perMinute) * 60));
      left -= 1;
      return 0;
    },
  };
}
