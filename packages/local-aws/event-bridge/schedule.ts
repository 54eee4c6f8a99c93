/** Schedules: when a `rate(…)` is next due. */

/** The next due time after another, both in ms since 1970. */
export type Schedule = { next(after: number): number };

const units: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Reads a rule's schedule; throws an error naming the rule when it cannot. */
export function readSchedule(rule: string, expression: string): Schedule {
  const [, count, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const period = Number(count) * (units[unit] ?? 0);
  if (period > 0) return { next: (after) => after + period };
  throw new Error(`Rule ${rule}: the local EventBridge does not implement the schedule ${expression}.`);
}
