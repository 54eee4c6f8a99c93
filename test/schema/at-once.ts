/** Two transactions that overlap for certain: both have run their statement before either commits, or one waits for the other. */
import { setImmediate } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import type { TestDatabase } from './database.ts';
import type { RunOptions } from './run-statement.ts';

/** A statement to run on the connection it is given. */
export type Action<Answer> = (options: RunOptions) => Promise<Answer>;

const conflicts = new Set(['40001', '40P01']);
const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** Runs the action again while another transaction is in its way, as the steps' database client does. */
export async function withRetries<Answer>(action: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (!conflicts.has(codeOf(error))) throw error;
    }
  }
}

/**
 * Holds the first's transaction open until the second has run or waits for it, commits both, and tries again what was refused.
 * @returns the answers that were committed
 */
export async function atOnce<First, Second>(
  database: TestDatabase,
  first: Action<First>,
  second: Action<Second>,
): Promise<[First, Second]> {
  const [holder, other] = [await begin(database), await begin(database)];
  const ended = new AbortController();
  try {
    const held = await outcomeOf(first({ client: holder.client }));
    const running = outcomeOf(second({ client: other.client }));
    await Promise.race([running, waitsForLock(database, other.pid, ended.signal)]);
    const one = await commit(holder.client, held);
    const two = await commit(other.client, await running);
    return [
      'answer' in one ? one.answer : await withRetries(() => first({})),
      'answer' in two ? two.answer : await withRetries(() => second({})),
    ];
  } finally {
    ended.abort();
    await Promise.all([holder.client, other.client].map(giveBack));
  }
}

type Outcome<Answer> = { answer: Answer } | { conflict: string };

async function outcomeOf<Answer>(running: Promise<Answer>): Promise<Outcome<Answer>> {
  try {
    return { answer: await running };
  } catch (error) {
    const conflict = codeOf(error);
    if (!conflicts.has(conflict)) throw error;
    return { conflict };
  }
}

async function commit<Answer>(client: PoolClient, outcome: Outcome<Answer>): Promise<Outcome<Answer>> {
  if ('conflict' in outcome) {
    await client.query('rollback');
    return outcome;
  }
  return outcomeOf(client.query('commit').then(() => outcome.answer));
}

type Transaction = { client: PoolClient; pid: number };

async function begin(database: TestDatabase): Promise<Transaction> {
  const client = await database.pool('app').connect();
  const { rows } = await client.query('select pg_backend_pid() as pid');
  await client.query('begin');
  return { client, pid: rows[0].pid };
}

/** Resolves once that connection waits for a lock, or the asking is ended. */
async function waitsForLock(database: TestDatabase, pid: number, ended: AbortSignal): Promise<void> {
  const sql = `select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`;
  while (!ended.aborted) {
    const { rowCount } = await database.pool('superuser').query(sql, [pid]);
    if (rowCount) return;
    await setImmediate();
  }
}

/** A connection without a transaction and without memory. Closing it here instead would race with the database's removal. */
async function giveBack(client: PoolClient): Promise<void> {
  await client.query('rollback');
  await client.query('discard all');
  client.release();
}
