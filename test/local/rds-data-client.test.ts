import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Value } from '@restoreclick/data-api';
import { operator } from '@restoreclick/local-aws';
import { appSecretArn, clusterArn, openRdsData } from '@restoreclick/local-aws/test/rds-data';
import type { Statement } from '../../schema/statements/statement.ts';
import { testDatabase } from '../schema/database.ts';

let open: Awaited<ReturnType<typeof openRdsData>>;
let product: typeof import('../../lambdas/platform/database.ts');

beforeAll(async () => {
  open = await openRdsData({ database: await testDatabase() });
  Object.assign(process.env, {
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL_RDS_DATA: open.url,
    AWS_ACCESS_KEY_ID: operator.accessKeyId,
    AWS_SECRET_ACCESS_KEY: operator.secretAccessKey,
    DATABASE_CLUSTER_ARN: clusterArn,
    DATABASE_SECRET_ARN: appSecretArn,
    DATABASE_NAME: open.database.name,
  });
  product = await import('../../lambdas/platform/database.ts');
});
afterAll(() => open.close());
beforeEach(() => open.rdsData.forgetStatements());

function statement<Params extends Record<string, Value>, Row extends object>(
  text: string,
): Statement<Params, Row> {
  return { name: 'flow/step/file', text };
}

const newCustomer = statement<{ email: string | null }, { id: string }>(`
  with actor as materialized (select set_config('app.actor', :actor, true))
  insert into customers (id, email) select derived_id('test', :email::text), :email::text from actor
  returning id`);

test('a statement answers its rows, and the audit trail names its step', async () => {
  const { id } = await product.queryOne(newCustomer, { email: 'ada@example.com' });
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  const { rows } = await open.database
    .pool('superuser')
    .query('select performed_by from restoreclick.audit_logs where entity_id = $1', [id]);
  expect(rows).toEqual([{ performed_by: 'flow/step' }]);
});

test('one row is neither none nor two', async () => {
  const rows = statement<{ n: number }, { n: number }>('select generate_series(1, :n::int) as "n!"');
  await expect(product.query(rows, { n: 2 })).resolves.toEqual([{ n: 1 }, { n: 2 }]);
  await expect(product.queryOne(rows, { n: 1 })).resolves.toEqual({ n: 1 });
  await expect(product.queryOne(rows, { n: 0 })).rejects.toMatchObject({
    kind: 'internal',
    code: 'not_one_row',
  });
  await expect(product.queryOne(rows, { n: 2 })).rejects.toThrow('flow/step/file returned 2 rows');
});

describe('a failed statement', () => {
  test('names itself, the SQLSTATE and the constraint, and no value', async () => {
    await product.query(newCustomer, { email: 'twice@example.com' });
    const failure = await product.query(newCustomer, { email: 'twice@example.com' }).catch((error) => error);
    expect(failure).toMatchObject({
      name: 'StatementError',
      kind: 'internal',
      statement: 'flow/step/file',
      sqlstate: '23505',
      constraint: 'customers_pkey',
      message: 'Statement flow/step/file failed: 23505 customers_pkey',
    });
    expect(JSON.stringify(failure) + failure.stack + failure.cause).not.toContain('twice@');
  });

  test('does not quote a value that PostgreSQL quotes', async () => {
    const wrong = statement<{ id: string }, object>('select :id::uuid as id');
    const failure = await product.query(wrong, { id: 'constraint "mine"' }).catch((error) => error);
    expect(failure).toMatchObject({ sqlstate: '22P02', constraint: undefined });
    expect(JSON.stringify(failure) + failure.stack + failure.cause).not.toContain('mine');
  });

  test('of our own making shows what PostgreSQL says of it', async () => {
    await expect(product.query(statement('select nothing from orders'), {})).rejects.toThrow(
      'column "nothing" does not exist',
    );
  });

  test('is one to come back for while the cluster wakes up', async () => {
    open.rdsData.resuming(1);
    const failure = await product.query(statement('select 1 as n'), {}).catch((error) => error);
    expect(failure).toBeInstanceOf(product.DatabaseResuming);
    expect(failure).toMatchObject({ kind: 'retry', status: 503, retryAfterSeconds: 15 });
  });
});

describe("two statements in each other's way", () => {
  // Each reads all and writes its own: under SERIALIZABLE one of two at once must fail.
  const count = statement<{ n: number }, { seen: number }>(`
    with actor as materialized (select set_config('app.actor', :actor, true)),
    seen as materialized (
      select count(*)::int as seen from webhook_events, (select pg_advisory_xact_lock_shared(1)) as opened),
    written as (
      insert into webhook_events (provider, event_id, event_type, processed_at)
      select 'test', seen.seen || '-' || :n::text, 'test', now() from actor, seen
      returning id)
    select seen as "seen!" from seen, written`);

  /**
   * Holds that many statements, so that none has ended when the last begins, and lets them go on
   * together.
   */
  async function together<Answer>(running: number, start: () => Promise<Answer>): Promise<Answer> {
    const gate = await open.database.pool('superuser').connect();
    try {
      await gate.query('select pg_advisory_lock(1)');
      let over = false;
      const answer = start().finally(() => {
        over = true;
      });
      const waiting = `
        select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`;
      while (!over && (await gate.query(waiting)).rowCount !== running) await setImmediate();
      await gate.query('select pg_advisory_unlock(1)');
      return await answer;
    } finally {
      gate.release();
    }
  }

  test('are tried again until each has its turn, counted and logged', async () => {
    const said: string[] = [];
    const spy = jest.spyOn(process.stdout, 'write').mockImplementation((line) => said.push(String(line)) > 0);
    const before = product.retries();
    const rows = await together(3, () => Promise.all([1, 2, 3].map((n) => product.queryOne(count, { n }))));
    spy.mockRestore();
    expect(rows.map(({ seen }) => seen).sort()).toEqual([0, 1, 2]);
    const failed = open.rdsData.statements().filter(({ sqlstate }) => sqlstate === '40001').length;
    expect(failed).toBeGreaterThan(0);
    expect(product.retries() - before).toBe(failed);
    const lines = said.filter((line) => line.includes('tried again'));
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      statement: 'flow/step/file',
      tries: expect.any(Number),
    });
  });

  test('are not tried for ever', async () => {
    const always = statement<Record<never, never>, object>(
      `do $$ begin raise exception 'no' using errcode = '40001'; end $$`,
    );
    await expect(product.query(always, {})).rejects.toMatchObject({ kind: 'retry', sqlstate: '40001' });
    expect(open.rdsData.statements()).toHaveLength(8);
  });
});
