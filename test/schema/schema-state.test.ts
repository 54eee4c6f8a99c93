import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Pool } from 'pg';
import { isUpToDate, schemaState, tell } from '../../schema/drift/state.ts';
import { parseMigration, readMigrations } from '../../schema/migrate/migrations.ts';
import { plainDatabase } from '../../schema/migrate/plain-database.ts';
import { type TestDatabase, testDatabase } from './database.ts';

const folder = join(import.meta.dirname, '..', '..', 'schema', 'migrations');
let opened: TestDatabase[];
let migrated: TestDatabase;
let admin: Pool;

beforeAll(async () => {
  migrated = await testDatabase();
  admin = migrated.pool('admin');
  opened = [migrated];
});
afterAll(async () => {
  for (const one of opened) await one.drop();
});

async function empty(): Promise<Pool> {
  const made = await testDatabase({ empty: true });
  opened.push(made);
  return made.pool('admin');
}

async function stateOf(pool: Pool, migrations = readMigrations(folder)) {
  return schemaState(plainDatabase(pool).execute, await migrations, plainDatabase(await empty()));
}

/** Changes something, looks, and puts it back. */
async function stateAfter(change: string, back: string) {
  await admin.query(change);
  try {
    return await stateOf(admin);
  } finally {
    await admin.query(back);
  }
}

test('a database with all migrations is up to date, and says when they came', async () => {
  const state = await stateOf(admin);
  expect(isUpToDate(state)).toBe(true);
  expect(tell(state).join('\n')).toMatch(
    /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}0001_tables {2}by restoreclick_admin/,
  );
});

test('everything is pending in an empty database', async () => {
  const state = await stateOf(await empty());
  expect(state).toMatchObject({ applied: [], changed: [], unknown: [], catalogue: [] });
  expect(state.pending).toEqual((await readMigrations(folder)).map(({ file }) => file));
  expect(isUpToDate(state)).toBe(false);
});

test('a file that is not applied yet is pending, and what it would make is not missing', async () => {
  const next = parseMigration('9000_next.sql', 'create table restoreclick.next ()');
  const state = await stateOf(admin, Promise.resolve([...(await readMigrations(folder)), next]));
  expect(state).toMatchObject({ pending: ['9000_next.sql'], changed: [], unknown: [], catalogue: [] });
});

test('a file that was changed after it had been applied is drift', async () => {
  const state = await stateAfter(
    `update restoreclick.schema_migrations set checksum = 'other' || checksum where version = 1`,
    `update restoreclick.schema_migrations set checksum = substr(checksum, 6) where version = 1`,
  );
  expect(state).toMatchObject({ pending: [], changed: ['0001_tables.sql'] });
  expect(isUpToDate(state)).toBe(false);
});

test('an applied migration of which there is no file is drift, and the catalogue is not judged', async () => {
  const state = await stateAfter(
    `insert into restoreclick.schema_migrations (version, name, checksum, duration_ms) values (9999, 'newer', 'x', 1)`,
    'delete from restoreclick.schema_migrations where version = 9999',
  );
  expect(state).toMatchObject({ unknown: [{ version: 9999, name: 'newer' }], catalogue: undefined });
  expect(isUpToDate(state)).toBe(false);
});

test('a migration that was begun and not finished is pending', async () => {
  const [last] = (await readMigrations(folder)).slice(-1);
  const set = (value: string) =>
    `update restoreclick.schema_migrations set duration_ms = ${value} where version = ${last?.version}`;
  expect((await stateAfter(set('null'), set('1'))).pending).toEqual([last?.file]);
});

test('an index that a failed build left behind is drift, and said to be invalid', async () => {
  const build = 'create unique index concurrently one_a_kind on restoreclick.status_transitions (entity)';
  await expect(admin.query(build)).rejects.toMatchObject({ code: '23505' });
  const state = await stateAfter('select', 'drop index restoreclick.one_a_kind');
  expect(isUpToDate(state)).toBe(false);
  expect(tell(state)).toContain('  index one_a_kind is of no migration, and not valid: its build failed');
});

test.each<[what: string, change: string, back: string, ...drift: { name: string; kind: string }[]]>([
  [
    'a column by hand',
    'alter table restoreclick.orders add extra text',
    'alter table restoreclick.orders drop extra',
    { name: 'column orders.extra', kind: 'unknown' },
  ],
  [
    'a dropped index',
    'drop index restoreclick.idx_orders_status',
    'create index idx_orders_status on restoreclick.orders (status)',
    { name: 'index idx_orders_status', kind: 'missing' },
  ],
  [
    'a disabled trigger',
    'alter table restoreclick.orders disable trigger audit',
    'alter table restoreclick.orders enable trigger audit',
    { name: 'trigger orders.audit', kind: 'different' },
  ],
  [
    'another default',
    `alter table restoreclick.orders alter currency set default 'EUR'`,
    `alter table restoreclick.orders alter currency set default 'USD'`,
    { name: 'column orders.currency', kind: 'different' },
  ],
  [
    'a right too many',
    'grant delete on restoreclick.orders to restoreclick_work',
    'revoke delete on restoreclick.orders from restoreclick_work',
    { name: 'right of restoreclick_work on orders', kind: 'different' },
  ],
  [
    "everybody's right",
    'grant select on restoreclick.audit_logs to public',
    'revoke select on restoreclick.audit_logs from public',
    { name: 'right of public on audit_logs', kind: 'unknown' },
  ],
  [
    'a right to a function',
    'grant execute on function restoreclick.drop_archive to restoreclick_work',
    'revoke execute on function restoreclick.drop_archive from restoreclick_work',
    { name: 'right of restoreclick_work on function drop_archive', kind: 'unknown' },
  ],
  [
    'a right to a sequence',
    'grant update on sequence restoreclick.order_number_seq to restoreclick_work',
    'revoke update on sequence restoreclick.order_number_seq from restoreclick_work',
    { name: 'right of restoreclick_work on order_number_seq', kind: 'different' },
  ],
  [
    'a move made legal',
    `insert into restoreclick.status_transitions values ('order', 'failed', 'completed')`,
    `delete from restoreclick.status_transitions where entity = 'order' and from_status = 'failed' and to_status = 'completed'`,
    { name: 'row of status_transitions order: failed → completed', kind: 'unknown' },
  ],
])('%s is drift of the catalogue', async (_what, change, back, ...drift) => {
  const state = await stateAfter(change, back);
  expect(state.catalogue).toEqual(drift.map((one) => expect.objectContaining(one)));
  expect(isUpToDate(state)).toBe(false);
  for (const { name } of drift) expect(tell(state).join('\n')).toContain(name);
});
