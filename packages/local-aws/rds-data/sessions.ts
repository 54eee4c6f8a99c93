/** Connections behind the Data API: as the caller's user, on its clock, and without memory between calls. */
import type { ClientBase, Pool, PoolClient } from 'pg';
import type { Clock } from '../clock.ts';
import { AwsError } from '../gateway/service.ts';
import type { Login, PgServer } from '../postgres/server.ts';
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
  /** Gives the connection back, once it has forgotten all that was set in it. Nobody need wait for it. */
  end(): Promise<void>;
};

export type Sessions = { open(database: string, user: Login): Promise<Session> };

const sessionsPerUser = 20;

/** @param timeoutMs how long a call waits for its statement, by the wall: statements run in real time */
export function createSessions(server: PgServer, clock: Pick<Clock, 'ahead'>, timeoutMs: number): Sessions {
  const pools = new Map<string, Pool>();

  function poolOf(database: string, user: Login): Pool {
    const key = JSON.stringify([database, user.username, user.password]);
    const known = pools.get(key);
    if (known) return known;
    const pool = server.pool(database, user, {
      max: sessionsPerUser,
      idleTimeoutMillis: 1_000, // so that a change to the role's settings soon holds
      statement_timeout: timeoutMs,
    });
    pools.set(key, pool);
    return pool;
  }
  return {
    async open(database, user) {
      const client = await poolOf(database, user).connect();
      return {
        run: (query) => runQuery(client, query, clock, timeoutMs),
        end: () => giveBack(client),
      };
    },
  };
}

/** Runs one statement on that connection as the Data API would. */
export async function runQuery(
  client: ClientBase,
  query: Query,
  clock: Pick<Clock, 'ahead'>,
  timeoutMs: number,
): Promise<TextResult> {
  const { text, values, continueAfterTimeout } = query;
  await setClock(client, clock.ahead());
  if (continueAfterTimeout) await client.query('set statement_timeout = 0');
  const started = performance.now();
  // The extended protocol even without parameters: it takes one statement only, as the Data API does.
  const config = { text, values, rowMode: 'array' as const, types: asText, queryMode: 'extended' };
  const result = client.query<(string | null)[]>(config).catch((error: unknown) => {
    const waited = performance.now() - started;
    throw sqlstateOf(error) === '57014' && waited >= timeoutMs ? timedOut() : error;
  });
  return continueAfterTimeout ? Promise.race([result, failAfter(timeoutMs, result)]) : result;
}

/** Lets restoreclick.present() agree with the local clock. Less than a second off is not worth a round trip. */
async function setClock(client: ClientBase, aheadMs: number): Promise<void> {
  if (Math.abs(aheadMs) <= 1_000) return;
  await client.query(`set restoreclick.clock_offset = '${Math.round(aheadMs)} milliseconds'`);
}

function failAfter(ms: number, work: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(timedOut()), ms);
    const over = () => clearTimeout(timer);
    work.then(over, over);
  });
}

function timedOut(): AwsError {
  return new AwsError('StatementTimeoutException', 'Request timed out');
}

async function giveBack(client: PoolClient): Promise<void> {
  try {
    if (client.getTransactionStatus() !== 'I') await client.query('rollback');
    await client.query('discard all');
    client.release();
  } catch {
    client.release(true);
  }
}
