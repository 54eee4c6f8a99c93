/** Schedules: when a `rate(…)` or a `cron(…)` is next due. */

/** The next due time after another, both in ms since 1970. */
export type Schedule = { next(after: number): number };

const minute = 60_000;
const units: Record<string, number> = { minute, hour: 60 * minute, day: 1440 * minute };

/** Reads a rule's schedule; throws an error naming the rule when it cannot. */
export function readSchedule(rule: string, expression: string): Schedule {
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression);
  if (rate) {
    const period = Number(rate[1]) * (units[rate[2] ?? ''] ?? 0);
    if (period > 0) return { next: (after) => after + period };
  }
  const cron = /^cron\(([^)]+)\)$/.exec(expression)?.[1]?.trim().split(/\s+/);
  const fields = cron?.map((field) => readField(field));
  if (fields?.length === 6 && fields.every((field) => field !== undefined)) {
    return { next: (after) => nextOfCron(fields, after, expression) };
  }
  throw new Error(`Rule ${rule}: the local EventBridge does not implement the schedule ${expression}.`);
}

type Field = (value: number) => boolean;

/** `*`, `?`, numbers, `a-b`, `a/step` and lists of them; names and L, W, # are not implemented. */
function readField(text: string): Field | undefined {
  const parts = text.split(',').map((part): Field | undefined => {
    const match = /^(?:[*?]|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (!match) return undefined;
    const [, first, last, step] = match;
    const from = Number(first ?? 0);
    const open = first === undefined || (last === undefined && step !== undefined);
    const to = open ? Number.POSITIVE_INFINITY : Number(last ?? first);
    return (value) => value >= from && value <= to && (value - from) % Number(step ?? 1) === 0;
  });
  return parts.every((part) => part !== undefined)
    ? (value) => parts.some((holds) => holds(value))
    : undefined;
}

/** Looks through the coming days, then through the minutes of the first that fits; in UTC. */
function nextOfCron(fields: Field[], after: number, expression: string): number {
  const [minutes, hours, days, months, weekdays, years] = fields;
  const start = (Math.floor(after / minute) + 1) * minute;
  const day = 1440 * minute;
  for (let at = start, seen = 0; seen < 4 * 366; at = (Math.floor(at / day) + 1) * day, seen += 1) {
    const date = new Date(at);
    const fits =
      years?.(date.getUTCFullYear()) &&
      months?.(date.getUTCMonth() + 1) &&
      days?.(date.getUTCDate()) &&
      weekdays?.(date.getUTCDay() + 1);
    const nextDay = (Math.floor(at / day) + 1) * day;
    for (let time = at; fits && time < nextDay; time += minute) {
      const found = new Date(time);
      if (hours?.(found.getUTCHours()) && minutes?.(found.getUTCMinutes())) return time;
    }
  }
  throw new Error(`The schedule ${expression} is never due.`);
}
