/** Applies migrations, each once, whoever else is doing the same at the moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Execute, type MigrationDatabase, type Parameters, refusedWith } from './database-port.ts';
import type { Migration } from './migrations.ts';
import { executeAlone } from './outside-transaction.ts';

export type Report = {
  /** Files that this run applied, in order. */
  applied: string[];
  /** How many had been applied before, by any run. */
  alreadyApplied: number;
  /**
   * Applied migrations of which this bundle knows nothing: a newer one has been rolled back. They
   * stay.
   */
  unknown: number;
};

type Applied = { version: number; checksum: string; finished: boolean };

const table = 'restoreclick.schema_migrations';
const createTable = `
  create table if not exists ${table} (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null default current_user,
    duration_ms integer -- null until its statements are done
  )`;

/** How often a migration comes back when it could not have a lock. */
const mostTries = 5;
const firstPauseMs = 500;
/**
 * A run outside of a transaction that has not finished after this was killed: a Lambda lives 15
 * minutes.
 */
const takeOverAfter = '15 minutes';

/**
 * @param lockTimeoutMs how long a migration waits for a lock before it lets others through
 * @throws Error when an applied migration's file was changed since; nothing is then applied
 */
export async function applyMigrations(
  database: MigrationDatabase,
  migrations: Migration[],
  lockTimeoutMs = 5_000,
): Promise<Report> {
  await ensureTable(database);
  const before = await readApplied(database.execute);
  for (const migration of migrations) checkUnchanged(migration, before);
  const report: Report = {
    applied: [],
    alreadyApplied: before.length,
    unknown: before.filter(({ version }) => !migrations.some((one) => one.version === version)).length,
  };
  const done = new Set(before.filter(({ finished }) => finished).map(({ version }) => version));
  for (const migration of migrations.filter(({ version }) => !done.has(version))) {
    const isOurs = migration.inTransaction
      ? await applyPatiently(database, migration, lockTimeoutMs)
      : await applyOneByOne(database, migration);
    if (isOurs) report.applied.push(migration.file);
    else report.alreadyApplied += 1;
  }
  return report;
}

async function ensureTable({ execute }: MigrationDatabase): Promise<void> {
  const [row] = await execute(`select to_regclass('${table}')::text as name`);
  if (row?.name) return;
  for (const statement of ['create schema if not exists restoreclick', createTable]) {
    // Two runs at once: "if not exists" does not see the other's uncommitted one, and collides with
    // it.
    await execute(statement).catch((error: unknown) => {
      if (!refusedWith(error, '23505', '42P06', '42P07', '42710')) throw error;
    });
  }
}

async function readApplied(execute: Execute): Promise<Applied[]> {
  const rows = await execute(`select version, checksum, duration_ms from ${table} order by version`);
  return rows.map((row) => ({
    version: Number(row.version),
    checksum: String(row.checksum),
    finished: row.duration_ms !== null,
  }));
}

function checkUnchanged({ version, file, checksum }: Migration, applied: Applied[]): void {
  const known = applied.find((one) => one.version === version);
  if (!known || known.checksum === checksum) return;
  throw new Error(
    `${file} was changed after it had been applied. Put it back as it was, and write what is new as a migration of its own.`,
  );
}

const insertRow = `
  insert into ${table} (version, name, checksum) values (:version::int, :name, :checksum)
  on conflict (version) do nothing
  returning version`;

const rowOf = ({ version, name, checksum }: Migration): Parameters => ({ version, name, checksum });

/**
 * Steps aside when it cannot have a lock at once: those who wait behind it would otherwise wait for
 * both.
 */
async function applyPatiently(
  database: MigrationDatabase,
  migration: Migration,
  lockTimeoutMs: number,
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await database.transaction((execute) => applyInTransaction(execute, migration, lockTimeoutMs));
    } catch (error) {
      const isBlocked = refusedWith(error, '55P03', '40001', '40P01');
      if (isBlocked && tries < mostTries) await sleep(Math.random() * firstPauseMs * 2 ** tries);
      else throw inFile(migration, error);
    }
  }
}

/**
 * The row comes first: a second run waits for it, and then finds the migration applied.
 * @returns whether it was us
 */
async function applyInTransaction(
  execute: Execute,
  migration: Migration,
  lockTimeoutMs: number,
): Promise<boolean> {
  const started = Date.now();
  const inserted = await execute(insertRow, rowOf(migration));
  if (inserted.length === 0) return false;
  // Only now: the wait for another run's row may take as long as that run does.
  await execute(
    "select set_config('lock_timeout', :lock_timeout, true), set_config('app.actor', :actor, true)",
    { lock_timeout: `${lockTimeoutMs}ms`, actor: actorOf(migration) },
  );
  for (const statement of migration.statements) await execute(statement);
  await finish(execute, migration, started);
  return true;
}

/** `migration:0001` */
const actorOf = ({ version }: Migration) => `migration:${String(version).padStart(4, '0')}`;

async function finish(execute: Execute, { version }: Migration, started: number): Promise<void> {
  await execute(`update ${table} set duration_ms = :ms::int where version = :version::int`, {
    version,
    ms: Date.now() - started,
  });
}

/**
 * Each statement commits by itself, so the row is a claim: whoever died with it is taken over from
 * after a while.
 */
async function applyOneByOne(database: MigrationDatabase, migration: Migration): Promise<boolean> {
  const { execute } = database;
  const started = Date.now();
  if (!(await claim(execute, migration))) {
    const applied = await readApplied(execute);
    if (applied.some(({ version, finished }) => finished && version === migration.version)) return false;
    throw new Error(`${migration.file} is being applied by another run. Try again when it has ended.`);
  }
  try {
    for (const statement of migration.statements) await executeAlone(database, statement);
    await refuseInvalidIndexes(execute);
  } catch (error) {
    await execute(`delete from ${table} where version = :version::int`, { version: migration.version });
    throw inFile(migration, error);
  }
  await finish(execute, migration, started);
  return true;
}

async function claim(execute: Execute, migration: Migration): Promise<boolean> {
  const inserted = await execute(insertRow, rowOf(migration));
  if (inserted.length > 0) return true;
  const taken = await execute(
    `update ${table} set applied_at = clock_timestamp(), applied_by = current_user
     where version = :version::int and duration_ms is null and applied_at < clock_timestamp() - interval '${takeOverAfter}'
     returning version`,
    { version: migration.version },
  );
  return taken.length > 0;
}

/**
 * A concurrent build that fails leaves its index behind, invalid; one that outlived its call fails
 * unseen.
 */
async function refuseInvalidIndexes(execute: Execute): Promise<void> {
  const invalid = await execute(
    `select indexrelid::regclass::text as name from pg_index join pg_class on pg_class.oid = indexrelid
     where not indisvalid and relnamespace = 'restoreclick'::regnamespace`,
  );
  if (invalid.length === 0) return;
  throw new Error(`not valid after all: ${invalid.map(({ name }) => name).join(', ')}`);
}

function inFile({ file }: Migration, error: unknown): Error {
  const said = error instanceof Error ? error.message : String(error);
  return new Error(`${file} could not be applied: ${said}`, { cause: error });
}
