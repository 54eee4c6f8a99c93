/** Makes the next API calls fail on purpose, as Stripe's sometimes do. */
import { refuse } from './refusal.ts';

export type Faults = {
  /** The next `count` calls, and no others, answer `status`, without effect; 0 ends it. */
  plan(status: number, count: number): void;
  /** Throws if a fault is planned for this call. */
  strike(): void;
};

export function createFaults(): Faults {
  let planned: number[] = [];
  return {
    plan(status, count) {
      planned = Array<number>(count).fill(status);
    },
    strike() {
      const status = planned.shift();
      if (status === 429) {
        throw refuse('Request rate limit exceeded.', { status, code: 'rate_limit', early: true });
      }
      if (status !== undefined)
        throw refuse('A fault was planned for this call.', { status, type: 'api_error' });
    },
  };
}
