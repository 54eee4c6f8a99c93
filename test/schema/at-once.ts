/**
 * Two transactions that overlap for certain: both have run their statement before either commits,
 * or one waits for the other.
 */
import { setImmediate } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { isConflict } from '../../schema/statements/statement.ts';
import type { TestDatabase } from './database.ts';
import type { RunOptions } from './run-statement.ts';

/** A statement to run on the connection it is given. */
export type Action<Answer> = (options: RunOptions) => Promise<Answer>;

/** As often as the steps' database client tries. */
const mostTries = 8;
const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');

/**
 * Runs the action again while another transaction is in its way, as the steps' database client
 * does; never without end.
 */
export async function withRetries<Answer>(action: () => Promise<Answer>, most = 50): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await action();
    } catch (error) {
      if (!isConflict(codeOf(error)) || tries === most) throw error;
    }
  }
}

/**
 * What was committed, and which of the two had to be tried again: it then saw what the other did.
 */
export type Meeting<First, Second> = { answers: [First, Second]; again: { first: boolean; second: boolean } };

/** The answers of a meeting. */
export async function atOnce<First, Second>(
  database: TestDatabase,
  first: Action<First>,
  second: Action<Second>,
): Promise<[First, Second]> {
  return (await meet(database, first, second)).answers;
}

/**
 * Holds the first's transaction open until the second has run or waits for it, commits both, and
 * tries again what was refused.
 */
export async function meet<First, Second>(
  database: TestDatabase,
  first: Action<First>,
  second: Action<Second>,
): Promise<Meeting<First, Second>> {
  const [holder, other] = [await begin(database), await begin(database)];
  const ended = new AbortController();
  try {
    const held = await outcomeOf(first({ client: holder.client }));
    const running = outcomeOf(second({ client: other.client }));
    await Promise.race([running, waitsForLock(database, other.pid, ended.signal)]);
    const one = await commit(holder.client, held);
    const two = await commit(other.client, await running);
    // Alone now: whatever refused one of them again would be no conflict.
    const answers: [First, Second] = [
      'answer' in one ? one.answer : await first({}),
      'answer' in two ? two.answer : await second({}),
    ];
    return { answers, again: { first: 'conflict' in one, second: 'conflict' in two } };
  } finally {
    ended.abort();
    await Promise.all([holder.client, other.client].map(giveBack));
  }
}

/**
 * Stops both at the first locked row that they come to, and lets them go on together from there, as
 * often as the steps' client would.
 * @param locks takes the locks, as the superuser
 */
export async function race<First, Second>(
  database: TestDatabase,
  locks: string,
  first: Action<First>,
  second: Action<Second>,
): Promise<[First, Second]> {
  const gate = await database.pool('superuser').connect();
  const ended = new AbortController();
  try {
    await gate.query(`begin; ${locks}`);
    const running = await Promise.all([start(database, first), start(database, second)]);
    for (const { answer, pid } of running)
      await Promise.race([answer, waitsForLock(database, pid, ended.signal)]);
    await gate.query('rollback');
    const [one, two] = running;
    return [await one.answer, await two.answer];
  } finally {
    ended.abort();
    await giveBack(gate);
  }
}

/** Runs the action on a connection of its own. */
async function start<Answer>(database: TestDatabase, action: Action<Answer>) {
  const client = await database.pool('app').connect();
  const pid = await pidOf(client);
  const answer = withRetries(() => action({ client }), mostTries).finally(() => giveBack(client));
  // Looked at later: a failure meanwhile is not one that nobody handles.
  answer.catch(() => undefined);
  return { answer, pid };
}

type Outcome<Answer> = { answer: Answer } | { conflict: string };

async function outcomeOf<Answer>(running: Promise<Answer>): Promise<Outcome<Answer>> {
  try {
    return { answer: await running };
  } catch (error) {
    const conflict = codeOf(error);
    if (!isConflict(conflict)) throw error;
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
  const pid = await pidOf(client);
  await client.query('begin');
  return { client, pid };
}

const pids = new WeakMap<PoolClient, number>();

async function pidOf(client: PoolClient): Promise<number> {
  const pid = pids.get(client) ?? (await client.query('select pg_backend_pid() as pid')).rows[0].pid;
  pids.set(client, pid);
  return pid;
}

/** Resolves once that connection waits for a lock, or the asking is ended. */
async function waitsForLock(database: TestDatabase, pid: number, ended: AbortSignal): Promise<void> {
  const sql = `select from pg_stat_get_activity($1) where wait_event_type = 'Lock'`;
  while (!ended.aborted) {
    const { rowCount } = await database.pool('superuser').query(sql, [pid]);
    if (rowCount) return;
    await setImmediate();
  }
}

/**
 * A connection without a transaction and without memory. Closing it here instead would race with
 * the database's removal.
 */
async function giveBack(client: PoolClient): Promise<void> {
  await client.query('rollback; reset all');
  client.release();
}
