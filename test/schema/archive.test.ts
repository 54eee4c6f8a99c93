/**
 * The archive of the audit: what moves there and when, who may touch it, and how a month leaves it
 * for good.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { archive } from '../../lambdas/operations/reconcile/archive.sql';
import { atOnce } from './at-once.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { type RunOptions, runStatement } from './run-statement.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database?.drop());

const asOwner = async (sql: string, values: unknown[] = []) =>
  (await database.pool('admin').query(`${sql}`, values)).rows;

/** Rows of the audit as old as that. @returns their ids */
async function audited(...times: string[]): Promise<string[]> {
  const ids = times.map(() => randomUUID());
  await asOwner(
    `insert into restoreclick.audit_logs (id, entity_type, entity_id, action, performed_by, created_at)
     select id, 'order', id, 'created', 'a test', at::timestamptz from unnest($1::uuid[], $2::text[]) as row (id, at)`,
    [ids, times],
  );
  return ids;
}

const reconcile = async (batch = 100, options?: RunOptions) =>
  (await runStatement(database, archive, { retentionDays: 400, batch }, options))[0]?.moved;
const partitions = async () =>
  (
    await asOwner(`select relname from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'restoreclick.audit_archive'::regclass order by relname`)
  ).map(({ relname }) => relname);
const idsIn = async (table: string) =>
  (await asOwner(`select id from restoreclick.${table} order by created_at, id`)).map(({ id }) => id);

const aroundNewYear = ['2023-12-31T23:59:59.999Z', '2024-01-01T00:00:00Z'];

describe('archiving', () => {
  test('moves exactly what is past its retention, a month at a time', async () => {
    const old = await audited('2023-12-01T00:00Z', ...aroundNewYear, '2024-01-31T23:59Z');
    const now = Date.now();
    const ago = (days: number) => new Date(now - days * 86_400_000).toISOString();
    const [kept = '', late = ''] = await audited(ago(399.9), ago(400.1));
    const moved = [];
    for (let runs = 0; runs < 4; runs += 1) moved.push(await reconcile());
    expect(moved).toEqual([2, 2, 1, 0]);
    expect(await idsIn('audit_archive')).toEqual([...old, late]);
    expect(await idsIn('audit_logs')).toEqual([kept]);
    expect((await partitions()).slice(0, 2)).toEqual(['audit_archive_2023_12', 'audit_archive_2024_01']);
  });

  test('does not take two months in one batch', async () => {
    await audited(...aroundNewYear);
    expect([await reconcile(), await reconcile(), await reconcile()]).toEqual([1, 1, 0]);
  });

  test('means months in UTC, wherever its caller sits', async () => {
    const [february = '', march = ''] = await audited('2024-02-29T23:59:59Z', '2024-03-01T00:00:00Z');
    const client = await database.pool('admin').connect();
    await client.query(`set timezone = 'America/New_York'`);
    for (const _ of [february, march]) await client.query(`select restoreclick.archive_audit('2024-06-01')`);
    await client.query('discard all');
    client.release();
    expect(await idsIn('audit_archive_2024_02')).toEqual([february]);
    expect(await idsIn('audit_archive_2024_03')).toEqual([march]);
  });

  test('moves each row once, when two runs meet at the first of a month', async () => {
    const old = await audited(...aroundNewYear, '2024-01-02T00:00Z', '2024-01-03T00:00Z');
    const run = (options: RunOptions) => reconcile(2, options);
    const moved = [...(await atOnce(database, run, run)), ...(await atOnce(database, run, run))];
    expect([...moved].sort()).toEqual([0, 0, 1, 2]);
    expect(await reconcile()).toBe(1);
    expect(await idsIn('audit_archive')).toEqual(old);
    expect(await idsIn('audit_logs')).toEqual([]);
  });
});

describe.each(['audit_archive', 'audit_archive_2024_01'])('%s', (table) => {
  beforeEach(async () => {
    await audited('2024-01-01T00:00Z');
    await reconcile();
  });
  const rewriting = [
    'update % set performed_by = null',
    'delete from %',
    'truncate %',
    'truncate restoreclick.audit_archive, %',
  ];
  const refusedWith = (code: string, statements: string[]) =>
    Object.fromEntries(statements.map((sql) => [sql, code]));
  const codesOf = async (user: 'admin' | 'app', statements: string[]) => {
    const codes: Record<string, string> = {};
    for (const sql of statements) {
      const asked = database.pool(user).query(sql.replace('%', `restoreclick.${table}`));
      codes[sql] = await asked.then(
        () => 'done',
        ({ code }) => code,
      );
    }
    return codes;
  };

  test('is not rewritten, by its owner neither', async () => {
    expect(await codesOf('admin', rewriting)).toEqual(refusedWith('RC003', rewriting));
  });

  test("is out of the steps' reach", async () => {
    const statements = [
      ...rewriting,
      'select id from %',
      `insert into % (id, entity_type, entity_id, action, created_at) values (gen_random_uuid(), 'o', gen_random_uuid(), 'a', '2024-01-01')`,
      'drop table %',
      `create table restoreclick.audit_archive_2020_01 partition of % for values from ('2020-01-01') to ('2020-02-01')`,
      `select restoreclick.drop_archive('2024-01', 1)`,
      'select * from restoreclick.archived_months()',
    ];
    expect(await codesOf('app', statements)).toEqual(refusedWith('42501', statements));
  });
});

describe('dropping a month', () => {
  const drop = async (month: string, rows: number | null, actor = 'operator:ada') =>
    asOwner(
      `with actor as materialized (select set_config('app.actor', $3, true))
       select restoreclick.drop_archive($1, $2) from actor`,
      [month, rows, actor],
    );

  beforeEach(async () => {
    await audited('2024-01-01T00:00Z', '2024-01-31T23:59:59Z', '2024-02-01T00:00Z');
    for (let at = 0; at < 2; at += 1) await reconcile();
  });

  test('takes all of it and nothing else, and leaves a trace', async () => {
    expect(await asOwner('select month, row_count::int from restoreclick.archived_months()')).toEqual([
      { month: '2024-01', row_count: 2 },
      { month: '2024-02', row_count: 1 },
    ]);
    await drop('2024-01', 2);
    expect(await partitions()).toEqual(['audit_archive_2024_02']);
    expect(
      await asOwner('select entity_type, action, old_values, performed_by from restoreclick.audit_logs'),
    ).toEqual([
      {
        entity_type: 'audit_archive',
        action: 'dropped',
        old_values: { month: '2024-01', rows: 2 },
        performed_by: 'operator:ada',
      },
    ]);
  });

  test.each([
    ['has other rows than who drops it knows of', '2024-01', 1, 'operator:ada', 'RC003'],
    ['has rows of which nobody knows', '2024-01', null, 'operator:ada', 'RC003'],
    ['is not in the archive', '2024-03', 0, 'operator:ada', 'RC003'],
    ['nobody drops', '2024-01', 2, '', 'RC002'],
  ])('is refused when it %s', async (_, month, rows, actor, code) => {
    await expect(drop(month, rows, actor)).rejects.toMatchObject({ code });
    expect(await partitions()).toHaveLength(2);
  });

  test('is refused while rows of it have not moved', async () => {
    await audited('2024-01-15T00:00Z');
    await expect(drop('2024-01', 2)).rejects.toMatchObject({ code: 'RC003' });
  });
});
