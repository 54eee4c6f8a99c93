/** The history of executions, its events shaped as GetExecutionHistory answers them. */
import type { Store } from '../store/index.ts';

/** An event to be recorded: a type of AWS's and the members of its details. */
export type NewEvent = { type: string; details?: Record<string, unknown> };

/** One event; `timestamp` in seconds since 1970, and one `…EventDetails` member at most. */
export type HistoryEvent = {
  id: number;
  previousEventId: number;
  timestamp: number;
  type: string;
} & Record<string, unknown>;

export type History = {
  /** Resolves to the event's id once it is durable. */
  append(executionArn: string, event: NewEvent): Promise<number>;
  /** Oldest first. */
  of(executionArn: string): HistoryEvent[];
  forget(executionArn: string): Promise<void>;
};

/** Standard executions end when their history is this long. */
export const historyLimit = 25_000;

/** @param now ms since 1970 */
export async function createHistory(store: Store, now: () => number): Promise<History> {
  const stored = await store.collection<HistoryEvent>('step-functions-history');
  const histories = new Map<string, HistoryEvent[]>();
  const of = (executionArn: string) => histories.get(executionArn) ?? [];
  const key = (executionArn: string, { id }: HistoryEvent) => `${executionArn}#${id}`;

  for (const [place, event] of stored.entries()) {
    const executionArn = place.slice(0, place.lastIndexOf('#'));
    const events = of(executionArn);
    events.push(event);
    histories.set(executionArn, events);
  }
  return {
    of,
    async append(executionArn, { type, details }) {
      const events = of(executionArn);
      histories.set(executionArn, events);
      const id = events.length + 1;
      const event = {
        id,
        previousEventId: previousOf(id, type),
        timestamp: now() / 1000,
        type,
        ...(details && { [detailsName(type)]: details }),
      };
      events.push(event);
      await stored.put(key(executionArn, event), event);
      return id;
    },
    async forget(executionArn) {
      const events = of(executionArn);
      histories.delete(executionArn);
      for (const event of events) await stored.delete(key(executionArn, event));
    },
  };
}

/** AWS lets the first state, and an end from outside, follow nothing. */
function previousOf(id: number, type: string): number {
  return id === 2 || type === 'ExecutionAborted' || type === 'ExecutionTimedOut' ? 0 : id - 1;
}

/** `TaskScheduled` → `taskScheduledEventDetails`; one name for all `…StateEntered`. */
function detailsName(type: string): string {
  const shared = type.replace(/^\w+(StateEntered|StateExited)$/, '$1');
  return `${shared.charAt(0).toLowerCase()}${shared.slice(1)}EventDetails`;
}

/** A payload in an event's details: `{ input: '…', inputDetails: … }`. */
export function payload(name: 'input' | 'output', value: unknown): Record<string, unknown> {
  return { [name]: JSON.stringify(value), [`${name}Details`]: { truncated: false } };
}
