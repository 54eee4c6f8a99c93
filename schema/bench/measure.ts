/**
 * Runs statements as the local Data API does, and keeps what each costs: time, buffers of its
 * triggers too, rows, plan.
 */
import { bindParameters, parameter, toParameters, toRows } from '@restoreclick/data-api';
import { answerOf, type Catalog, runQuery, sqlstateOf } from '@restoreclick/local-aws';
import pg, { type Pool, type PoolClient } from 'pg';
import { z } from 'zod';
import type { Run } from '../samples/orders.ts';
import { isConflict, withActor } from '../statements/statement.ts';

/** One run of a statement. Counted runs have buffers and a plan, the others times. */
export type Sample = {
  statement: string;
  isRead: boolean;
  photos: number;
  rows: number;
  /** As the client saw it: planning and commit included. */
  ms?: number;
  /** The server's own time, as it logs it: for planning, and for execution with all triggers. */
  planMs?: number;
  runMs?: number;
  buffers?: number;
  /** Tables of any size that were read from end to end, by triggers too. */
  scanned?: string[];
  /**
   * Node types of its plan, and of those of the functions and triggers that it calls, in the order
   * of first appearance.
   */
  nodes?: string[];
};

export type Meter = {
  run: Run;
  samples: Sample[];
  /** How often each statement was run again because another was in its way. */
  retries(): ReadonlyMap<string, number>;
};

type Query = { text: string; values: (string | Buffer | null)[] };

/**
 * @param pool of the steps' role; its size is how many statements run at once
 * @param counting whether to count buffers instead of taking the time
 * @param forgetting whether the connection forgets its plans after each statement, those of
 *   triggers too, as the Data API's is said to
 */
export function createMeter(
  pool: Pool,
  catalog: Catalog,
  { counting = () => false, forgetting = false }: { counting?: () => boolean; forgetting?: boolean } = {},
): Meter {
  const samples: Sample[] = [];
  const said: string[] = [];
  pool.on('connect', (client) => client.on('notice', ({ message = '' }) => said.push(message)));
  const retried = new Map<string, number>();
  const run: Run = async (statement, params, photos = 1) => {
    const isRead = !/:actor\b/.test(statement.text);
    const query = bindParameters(
      statement.text,
      z.array(parameter).parse(toParameters(withActor(statement, params))),
    );
    for (;;) {
      const client = await pool.connect();
      try {
        said.length = 0;
        const { result, ...cost } = counting()
          ? await counted(client, query, said)
          : await timed(client, query, said);
        const answer = await answerOf(result, catalog, true);
        const records = JSON.parse(JSON.stringify(answer.records ?? []));
        samples.push({ statement: statement.name, isRead, photos, rows: records.length, ...cost });
        // The types come from the statement itself, as in the product.
        return toRows(records, answer.columnMetadata ?? []) as never;
      } catch (error) {
        await client.query('rollback');
        if (!isConflict(sqlstateOf(error))) throw error;
        retried.set(statement.name, (retried.get(statement.name) ?? 0) + 1);
      } finally {
        if (forgetting) await client.query('discard all');
        client.release();
      }
    }
  };
  return { run, samples, retries: () => retried };
}

/**
 * @param said what the server has told its client by the end of the call: its durations too, see
 *   `telling`
 */
async function timed(client: PoolClient, query: Query, said: string[]) {
  const started = performance.now();
  const result = await runQuery(client, { ...query, continueAfterTimeout: false });
  const ms = performance.now() - started;
  const durationOf = (phase: string) => {
    const line = said.find((one) => one.startsWith('duration: ') && one.includes(` ms  ${phase} `));
    return line === undefined ? Number.NaN : Number.parseFloat(line.slice('duration: '.length));
  };
  return { result, ms, planMs: durationOf('bind'), runMs: durationOf('execute') };
}

/**
 * Lets the server tell a role's connections, from the next on, how long each phase of a statement
 * took, and its plans when asked.
 */
export async function telling(admin: Pool, role: string): Promise<void> {
  const name = pg.escapeIdentifier(role);
  await admin.query(
    `alter role ${name} set log_min_duration_statement = 0;
     alter role ${name} set client_min_messages = 'log';
     alter role ${name} set session_preload_libraries = 'auto_explain';
     load 'auto_explain';
     grant set on parameter auto_explain.log_min_duration, auto_explain.log_nested_statements, auto_explain.log_format to ${name}`,
  );
}

/** Runs it twice: the first time explained, and undone. */
async function counted(client: PoolClient, query: Query, said: string[]) {
  await client.query('begin');
  const nodes = await explained(client, query, said);
  const before = await counters(client);
  const result = await runQuery(client, { ...query, continueAfterTimeout: false });
  const after = await counters(client);
  await client.query('commit');
  const grown = [...after].map(([name, one]) => {
    const was = before.get(name) ?? { blocks: 0, scans: 0 };
    return { name, blocks: one.blocks - was.blocks, scans: one.scans - was.scans };
  });
  return {
    result,
    nodes,
    buffers: grown.reduce((sum, { blocks }) => sum + blocks, 0),
    scanned: grown.filter(({ scans }) => scans > 0).map(({ name }) => name),
  };
}

/**
 * The node types of the statement and of what it calls, each of which ends before its caller does.
 */
async function explained(client: PoolClient, query: Query, said: string[]): Promise<string[]> {
  await client.query(
    `savepoint before;
     set local auto_explain.log_nested_statements = on;
     set local auto_explain.log_format = json;
     set local auto_explain.log_min_duration = 0`,
  );
  said.length = 0;
  await client.query(query);
  // The statement's own plan is told when its portal is closed: by the next one.
  await client.query('rollback to before');
  const plans = said.flatMap((one) => /^duration: \S+ ms {2}plan:\n(.*)/s.exec(one)?.[1] ?? []).reverse();
  if (plans.length === 0) throw new Error('The server told no plan.');
  return [...new Set(plans.flatMap((plan) => nodeTypes(JSON.parse(plan))))];
}

type Counter = { blocks: number; scans: number };

/**
 * What this backend has done since its statistics were last flushed, which happens between
 * transactions only. It counts a block of our tables and indexes whoever asks for it: the
 * statement, its triggers, its foreign keys.
 */
async function counters(client: PoolClient): Promise<Map<string, Counter>> {
  const { rows } = await client.query<Counter & { name: string }>(
    `select relname as name, pg_stat_get_xact_blocks_fetched(oid)::int as blocks,
       case when relkind = 'r' then pg_stat_get_xact_numscans(oid)::int else 0 end as scans
     from pg_class
     where relnamespace = 'restoreclick'::regnamespace and relkind in ('r', 'i')
       and pg_stat_get_xact_blocks_fetched(oid) > 0`,
  );
  return new Map(rows.map(({ name, blocks, scans }) => [name, { blocks, scans }]));
}

/** Every `Node Type` in an explained plan. */
function nodeTypes(plan: unknown): string[] {
  if (Array.isArray(plan)) return plan.flatMap(nodeTypes);
  if (typeof plan !== 'object' || plan === null) return [];
  return Object.entries(plan).flatMap(([key, value]) =>
    key === 'Node Type' && typeof value === 'string' ? [value] : nodeTypes(value),
  );
}
