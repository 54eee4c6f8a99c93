/** Makes the next API calls fail on purpose, as Stripe's sometimes do. */
import { refuse } from './refusal.ts';

export type Faults = {
  /** The next `count` calls answer `status`, without effect: 429 as if there were too many, anything else as an error of Stripe's. */
  plan(status: number, count: number): void;
  /** Throws if a fault is planned for this call. */
  strike(): void;
};

export function createFaults(): Faults {
  const planned: number[] = [];
  return {
    plan: (status, count) => void planned.push(...Array<number>(count).fill(status)),
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
