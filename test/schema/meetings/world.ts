/**
 * A database with one order, or one upload session, that can be put back as it was: so every run
 * begins from the very same rows.
 */
import type { TestDatabase } from '../database.ts';

const tables = [
  'customers',
  'file_uploads',
  'checkouts',
  'orders',
  'images',
  'restoration_jobs',
  'email_queue',
  'email_suppressions',
  'archive_builds',
  'download_links',
  'webhook_events',
  'audit_logs',
];
type Row = { table: string; row: Record<string, unknown> };
export type Rows = Row[];

/**
 * As the superuser without triggers: history is rewritten here, and nothing of it is to be audited.
 */
async function asNobody(database: TestDatabase, sql: string): Promise<void> {
  await database
    .pool('superuser')
    .query(
      `begin; set local session_replication_role = replica; set local search_path = restoreclick; ${sql}; commit`,
    );
}

const emptied = tables.map((table) => `delete from ${table}`).join(';');

/** Makes place for another order. */
export const empty = (database: TestDatabase) => asNobody(database, emptied);

/**
 * Forgets the rows that were put back before: the tests' server leaves that to who makes so many.
 */
export async function tidy(database: TestDatabase): Promise<void> {
  await database
    .pool('superuser')
    .query(`vacuum ${tables.map((table) => `restoreclick.${table}`).join(',')}`);
}

/** Remembers how things are. */
export const save = (database: TestDatabase) =>
  asNobody(
    database,
    `drop schema if exists saved cascade; create schema saved;
     ${tables.map((table) => `create table saved.${table} as table ${table}`).join(';')}`,
  );

/** Puts everything back as it was remembered. */
export const restore = (database: TestDatabase) =>
  asNobody(
    database,
    `${emptied}; ${tables.map((table) => `insert into ${table} select * from saved.${table}`).join(';')}`,
  );

/** Every row there is; of the audit, what was done to what by whom. */
export async function everything(database: TestDatabase): Promise<Rows> {
  const of = (table: string) =>
    table === 'audit_logs'
      ? `select 'audit_logs' as table, jsonb_build_object(
           'entity', entity_type, 'action', action, 'by', performed_by, 'changed', changed_fields) as row
         from restoreclick.audit_logs`
      : `select '${table}' as table, to_jsonb(t) as row from restoreclick.${table} as t`;
  const { rows } = await database.pool('superuser').query<Row>(tables.map(of).join(' union all '));
  return rows;
}

/** Locks every row: whoever comes meanwhile stops at the first one that it changes. */
export const everyRow = tables.map((table) => `select from restoreclick.${table} for update`).join(';');

/**
 * As in a shop of many orders, rows are found by indexes: reading whole tables, two would always be
 * in each other's way. And two that wait for each other are told so at once, not after a second.
 */
export async function asInALargeShop(database: TestDatabase): Promise<void> {
  await database
    .pool('superuser')
    .query(
      `alter database ${database.name} set enable_seqscan = off; alter database ${database.name} set deadlock_timeout = '5ms'`,
    );
}
