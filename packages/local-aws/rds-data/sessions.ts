/** Connections behind the Data API: as the caller's user, on its clock, forgetful between calls. */
import type { ClientBase, Pool, PoolClient } from 'pg';
import type { Clock } from '../clock/index.ts';
import { AwsError } from '../gateway/index.ts';
import type { Login, PgServer } from '../postgres/index.ts';
import { sqlstateOf } from './database-error.ts';
import { asText, type TextResult } from './result.ts';

export type Query = {
  text: string;
  values: (string | Buffer | null)[];
  /** Whether the statement may go on when the call has given up waiting. */
  continueAfterTimeout: boolean;
};

export type Session = {
  /** Runs one statement. Fails with StatementTimeoutException after the Data API's 45 s. */
  run(query: Query): Promise<TextResult>;
  /** Gives the connection back once it has forgotten what was set; need not be waited for. */
  end(): Promise<void>;
};

export type Sessions = { open(database: string, user: Login): Promise<Session> };

export type QueryOptions = {
  /** How long a call waits for its statement, by the wall: statements run in real time. */
  timeoutMs?: number;
  clock?: Pick<Clock, 'ahead'>;
  /** The setting in which statements find how far the clock is ahead. */
  clockSetting?: string;
};

const sessionsPerUser = 20;
const longestWaitMs = 45_000;

export function createSessions(server: PgServer, options: QueryOptions): Sessions {
  const pools = new Map<string, Pool>();

  function poolOf(database: string, user: Login): Pool {
    const key = JSON.stringify([database, user.username, user.password]);
    const known = pools.get(key);
    if (known) return known;
    const pool = server.pool(database, user, {
      max: sessionsPerUser,
      idleTimeoutMillis: 1_000, // so that a change to the role's settings soon holds
      statement_timeout: options.timeoutMs ?? longestWaitMs,
    });
    pools.set(key, pool);
    return pool;
  }
  return {
    async open(database, user) {
      const client = await poolOf(database, user).connect();
      return { run: (query) => runQuery(client, query, options), end: () => giveBack(client) };
    },
  };
}

/** Runs one statement on that connection as the Data API would. */
export async function runQuery(
  client: ClientBase,
  { text, values, continueAfterTimeout }: Query,
  options: QueryOptions = {},
): Promise<TextResult> {
  const { timeoutMs = longestWaitMs } = options;
  await setClock(client, options);
  if (continueAfterTimeout) await client.query('set statement_timeout = 0');
  const started = performance.now();
  // The extended protocol takes one statement only, even without parameters, as the Data API does.
  const config = { text, values, rowMode: 'array' as const, types: asText, queryMode: 'extended' };
  const result = client.query<(string | null)[]>(config).catch((error: unknown) => {
    const waited = performance.now() - started;
    throw sqlstateOf(error) === '57014' && waited >= timeoutMs ? timedOut() : error;
  });
  return continueAfterTimeout ? Promise.race([result, failAfter(timeoutMs, result)]) : result;
}

/** Less than a second off is not worth a round trip. */
async function setClock(client: ClientBase, { clock, clockSetting }: QueryOptions): Promise<void> {
  const aheadMs = clock?.ahead() ?? 0;
  if (clockSetting === undefined || Math.abs(aheadMs) <= 1_000) return;
  await client.query(`set ${clockSetting} = '${Math.round(aheadMs)} milliseconds'`);
}

function failAfter(ms: number, work: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(timedOut()), ms);
    const over = () => clearTimeout(timer);
    work.then(over, over);
  });
}

const timedOut = () => new AwsError('StatementTimeoutException', 'Request timed out');

async function giveBack(client: PoolClient): Promise<void> {
  try {
    if (client.getTransactionStatus() !== 'I') await client.query('rollback');
    await client.query('discard all');
    client.release();
  } catch {
    client.release(true);
  }
}
