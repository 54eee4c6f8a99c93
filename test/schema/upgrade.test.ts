/**
 * The migrations since the previous release, and some made up for the proof: on a database that it
 * filled, beside its code that still runs, before the code that comes.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { archive } from '../../lambdas/operations/reconcile/archive.sql';
import { expire } from '../../lambdas/operations/reconcile/expire.sql';
import { faults } from '../../lambdas/operations/reconcile/faults.sql';
import { stuck } from '../../lambdas/operations/reconcile/stuck.sql';
import { placed } from '../../lambdas/payment/place-order/placed.sql';
import { badOrder, goodOrder, visit } from '../../schema/bench/life.ts';
import { isUpToDate, schemaState, tell } from '../../schema/drift/state.ts';
import { applyMigrations } from '../../schema/migrate/apply.ts';
import type { MigrationDatabase } from '../../schema/migrate/database-port.ts';
import { readMigrations } from '../../schema/migrate/migrations.ts';
import { plainDatabase } from '../../schema/migrate/plain-database.ts';
import type { Run } from '../../schema/samples/orders.ts';
import { previousRelease } from '../../schema/statements/release.ts';
import { withRetries } from './at-once.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { type Shop, shopOn } from './orders.ts';
import type { RunOptions } from './run-statement.ts';
import { finish, finished, stages, standing, type Unfinished } from './stages.ts';

const project = join(import.meta.dirname, '..', '..');
const release = await previousRelease();
const ours = await readMigrations(join(project, 'schema', 'migrations'));
const released = ours.filter(({ file }) => file in release.migrations);
const migrations = [...ours, ...(await readMigrations(join(project, 'test', 'fixtures', 'next-release')))];

let database: TestDatabase;
let admin: MigrationDatabase;
let oldCode: Shop;
let newCode: Shop;
/** Stage → what the previous release left there: one for each code to finish. */
let left: Record<string, Record<'old' | 'new', Unfinished>>;
let before: Map<string, object>;

beforeAll(async () => {
  database = await testDatabase({ empty: true });
  const { server, name, logins } = database;
  // A migration that would wait for ever is to fail, and to say so.
  admin = plainDatabase(server.pool(name, logins.admin, { statement_timeout: 20_000 }));
  await applyMigrations(admin, released);
  oldCode = shopOn(database, new Map(Object.entries(release.statements)));
  newCode = shopOn(database);
  left = {};
  for (const [stage, make] of Object.entries(stages))
    left[stage] = { old: await make(oldCode), new: await make(oldCode) };
  await goodOrder(running(oldCode), 2);
  await badOrder(running(oldCode), 2);
  before = await everyRow();
  await deploy();
});
afterAll(() => database?.drop());

/** Statements run as the steps' client does; one that the release has not got yet is nobody's. */
function running(shop: Shop, options?: RunOptions, ran = new Set<string>()): Run {
  return async (statement, params) => {
    ran.add(statement.name);
    if (shop === oldCode && !(statement.name in release.statements)) return [];
    return withRetries(() => shop.run(statement, params, options));
  };
}

/**
 * As on deploy: the old code goes on meanwhile. A transaction of it holds its locks on every table;
 * it ends only when others have been through, who would wait for ever behind a migration that waits
 * for ever.
 */
async function deploy(): Promise<void> {
  const holder = await database.pool('app').connect();
  await holder.query('begin isolation level read committed');
  await goodOrder(running(oldCode, { client: holder }), 1);
  let blocked = false;
  const beside: MigrationDatabase = {
    ...admin,
    async transaction(work) {
      if (blocked) await others;
      blocked = true;
      const done = await admin.transaction(work);
      blocked = false;
      return done;
    },
  };
  const applying = applyMigrations(beside, migrations, 200);
  const others = goodOrder(running(oldCode), 2).then(() => holder.query('commit'));
  try {
    await Promise.all([applying, others]);
  } finally {
    await holder.query('rollback');
    holder.release();
  }
}

/** Table and key → the row, without the time of its last change. */
async function everyRow(): Promise<Map<string, object>> {
  const pool = database.pool('superuser');
  const { rows: tables } = await pool.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class
     where relnamespace = 'restoreclick'::regnamespace and relkind = 'r' and relname <> 'schema_migrations'`,
  );
  const found = new Map<string, object>();
  for (const { name } of tables) {
    const { rows } = await pool.query<{ row: Record<string, unknown> }>(
      `select to_jsonb(t) - 'updated_at' as row from ${name} as t`,
    );
    for (const { row } of rows) {
      const { id, entity, from_status: from, to_status: to } = row;
      found.set(`${name} ${id ?? `${entity} ${from} ${to}`}`, row);
    }
  }
  return found;
}

test('what is released is not changed any more', () => {
  const checksums = ours.map(({ file, checksum }) => [file, checksum]);
  expect(Object.fromEntries(checksums)).toMatchObject(release.migrations);
});

describe('the migrations since the previous release', () => {
  test('keep every row as it was', async () => {
    const after = await everyRow();
    expect(before.size).toBeGreaterThan(500);
    for (const [key, row] of before) expect([key, after.get(key)]).toMatchObject([key, row]);
  });

  test('leave no constraint and no index unproven', async () => {
    const unproven = await oldCode.rows(
      `select conname as name from pg_constraint where connamespace = 'restoreclick'::regnamespace and not convalidated
       union all
       select indexrelid::regclass::text from pg_index join pg_class on pg_class.oid = indexrelid
       where relnamespace = 'restoreclick'::regnamespace and not indisvalid`,
    );
    expect(unproven).toEqual([]);
  });

  test('make what npm run schema calls up to date', async () => {
    const scratch = await testDatabase({ empty: true });
    const state = await schemaState(admin.execute, migrations, plainDatabase(scratch.pool('admin')));
    await scratch.drop();
    expect(tell(state).join('\n')).toContain('Pending:\n  nothing\n\nDrift:\n  nothing\n');
    expect(isUpToDate(state)).toBe(true);
  });
});

describe.each(['old', 'new'] as const)('afterwards the %s code', (which) => {
  const code = () => (which === 'old' ? oldCode : newCode);

  test.each(Object.keys(stages))('finishes an order that was left with: %s', async (stage) => {
    const unfinished = left[stage]?.[which];
    if (!unfinished) throw new Error(`Nothing was left at ${stage}.`);
    expect(await standing(code(), await finish(code(), unfinished))).toEqual(finished);
  });

  test('has no statement that does not run', async () => {
    const ran = new Set<string>();
    const run = running(code(), undefined, ran);
    for (const photos of [1, 2]) {
      await goodOrder(run, photos);
      await badOrder(run, photos);
    }
    const done = await code().completed();
    await visit(run, done, 2);
    await run(placed, { sessionId: done.sessionId });
    await run(expire, { batch: 100 });
    await run(stuck, { overdueSeconds: 3600, batch: 100 });
    await run(faults, { withinSeconds: 86_400, restedSeconds: 0, orders: 5, batch: 20 });
    await run(archive, { retentionDays: 400, batch: 100 });
    expect([...ran]).toEqual(expect.arrayContaining(Object.keys(release.statements)));
  });
});
