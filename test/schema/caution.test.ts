import { describe, expect, test } from '@jest/globals';
import { objections } from '../../schema/drift/caution.ts';
import { parseMigration, readMigrations } from '../../schema/migrate/migrations.ts';
import { previousRelease } from '../../schema/statements/release.ts';

const about = (sql: string) => objections(parseMigration('0009_next.sql', sql));
const alone = '-- migrate: no-transaction\n';

describe('a migration since the previous release', () => {
  test('gives no cause for caution, or says why it is safe', async () => {
    const { migrations: released } = await previousRelease();
    const folders = ['schema/migrations', 'test/fixtures/next-release'];
    const all = await Promise.all(folders.map(readMigrations));
    const unreleased = all.flat().filter(({ file }) => !(file in released));
    expect(unreleased.length).toBeGreaterThan(1);
    expect(unreleased.flatMap(objections)).toEqual([]);
  });
});

describe('the old code does not bear', () => {
  test.each([
    'drop table checkouts',
    'alter table orders drop column photo_count',
    'alter table restoreclick.orders\n  drop photo_count',
    'alter table orders alter column status drop default',
    'alter table orders rename column photo_count to photos',
    'alter table orders alter photo_count type bigint',
    'alter table orders alter column photo_count set not null',
    'alter table orders add column a int, add column price numeric(10, 2) not null',
    `delete from status_transitions where entity = 'job'`,
    'revoke update on customers from restoreclick_work',
    'do $$ begin end $$',
  ])('%s', (sql) => {
    expect(about(sql)).toEqual([expect.stringContaining('-- contract: …')]);
    expect(about(`-- contract: nobody reads it\n${sql}`)).toEqual([]);
    expect(about(`-- contract:\n${sql}`)).toHaveLength(1);
    expect(about(`-- small table: a few rows\n${sql}`)).toHaveLength(1);
  });
});

describe('customers do not wait for', () => {
  test.each([
    'create index i on orders (status)',
    'create unique index if not exists i on only orders (status)',
    'alter table orders add constraint c unique (status)',
    'alter table orders add primary key (id)',
    'alter table orders add constraint c check (photo_count > 0)',
    'alter table orders add foreign key (customer_id) references customers',
    `update orders set status = 'failed'`,
    'lock table orders',
  ])('%s', (sql) => {
    expect(about(sql)).toEqual([expect.stringContaining('-- small table: …')]);
    expect(about(`-- small table: a few rows\n${sql}`)).toEqual([]);
  });
});

test.each([
  'alter table orders add column a int, add column price numeric(10, 2) not null default 0',
  'alter table orders drop constraint chk_order_money, add constraint c check (photo_count > 0) not valid',
  'alter table orders add constraint c unique using index i',
  'alter table orders alter column status drop not null',
  'create table next (id int not null, at timestamptz); create index i on next (at); alter table next add check (id > 0)',
  'create function f() returns void language plpgsql as $$ begin update orders set status = status; end $$',
  'drop function audit_difference',
  'revoke execute on function f from public',
  'create trigger t before update on orders for each row execute function f()',
  '-- drop column is a word here\nselect 1',
  'alter table orders validate constraint c',
])('both bear: %s', (sql) => {
  expect(about(sql)).toEqual([]);
});

test('an index built outside of a transaction is dropped first, for a build that failed left it invalid', () => {
  const build = 'create unique index concurrently if not exists i on orders (status);';
  expect(about(alone + build)).toEqual([expect.stringContaining('a failed build leaves it invalid')]);
  expect(about(`${alone}drop index concurrently if exists restoreclick.i; ${build}`)).toEqual([]);
});

test('a constraint is not validated in the transaction that added it', () => {
  const add = 'alter table orders add constraint c check (photo_count > 0) not valid;';
  const both = `${add} alter table orders validate constraint c;`;
  expect(about(both)).toEqual([expect.stringContaining('validate it in the next migration')]);
});

test('outside of a transaction nothing waits for a lock that keeps customers waiting, for no lock_timeout bounds it', () => {
  const bounded = [
    'alter table orders validate constraint c',
    'reindex index concurrently i',
    'analyze orders',
  ];
  for (const sql of bounded) expect(about(alone + sql)).toEqual([]);
  const unbounded = [
    'alter table orders add column a int',
    'alter table orders add constraint c check (photo_count > 0) not valid',
    'alter table orders validate constraint c, add column a int',
    'drop index i',
    'create or replace trigger t before update on orders for each row execute function f()',
  ];
  for (const sql of unbounded) {
    expect(about(sql)).toEqual([]);
    expect(about(alone + sql)).toEqual([expect.stringContaining('no lock_timeout bounds')]);
  }
});
