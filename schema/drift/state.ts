/**
 * How a database stands to the migration files: what it has, what it lacks, and where it is no
 * longer what they made.
 */
import { applyMigrations } from '../migrate/apply.ts';
import type { Execute, MigrationDatabase } from '../migrate/database-port.ts';
import type { Migration } from '../migrate/migrations.ts';
import { type Difference, differences, readCatalogue } from './catalogue.ts';

export type AppliedMigration = {
  version: number;
  name: string;
  checksum: string;
  /** ISO 8601, UTC, to the second. */
  at: string;
  by: string;
  /** False while it is under way, or when its run died. */
  finished: boolean;
};

export type SchemaState = {
  applied: AppliedMigration[];
  /** Files not applied, in order; one that was begun and not finished is one. */
  pending: string[];
  /** Files that were changed after they had been applied. */
  changed: string[];
  /** Applied, and of no file here. */
  unknown: AppliedMigration[];
  /**
   * Where the catalogue is not what the applied files make of an empty database; undefined when
   * nobody can tell.
   */
  catalogue: Difference[] | undefined;
};

/** What is applied: nothing, when there is no such table yet. */
export async function readApplied(execute: Execute): Promise<AppliedMigration[]> {
  const [table] = await execute(`select to_regclass('restoreclick.schema_migrations')::text as found`);
  if (!table?.found) return [];
  const rows = await execute(
    `select version, name, checksum, applied_by as by, duration_ms is not null as finished,
       to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at
     from restoreclick.schema_migrations order by version`,
  );
  return rows.map(({ version, name, checksum, at, by, finished }) => ({
    version: Number(version),
    name: String(name),
    checksum: String(checksum),
    at: String(at),
    by: String(by),
    finished: finished === true,
  }));
}

/**
 * @param execute on the database, as a user who may read the schema
 * @param scratch an empty database, to apply the same files to
 */
export async function schemaState(
  execute: Execute,
  migrations: Migration[],
  scratch: MigrationDatabase,
): Promise<SchemaState> {
  const applied = await readApplied(execute);
  const has = new Map(applied.map((one) => [one.version, one]));
  const files = new Set(migrations.map(({ version }) => version));
  const unknown = applied.filter(({ version }) => !files.has(version));
  const ours = migrations.filter(({ version }) => has.get(version)?.finished);
  return {
    applied,
    pending: migrations.filter((one) => !ours.includes(one)).map(({ file }) => file),
    changed: ours
      .filter(({ version, checksum }) => has.get(version)?.checksum !== checksum)
      .map(({ file }) => file),
    unknown,
    // What an unknown migration has made, only its file could tell.
    catalogue: unknown.length > 0 ? undefined : await catalogueDrift(execute, ours, scratch),
  };
}

async function catalogueDrift(
  execute: Execute,
  migrations: Migration[],
  scratch: MigrationDatabase,
): Promise<Difference[]> {
  await applyMigrations(scratch, migrations);
  return differences(await readCatalogue(execute), await readCatalogue(scratch.execute));
}

/** Nothing pending, and no drift. */
export const isUpToDate = ({ pending, changed, unknown, catalogue }: SchemaState): boolean =>
  pending.length + changed.length + unknown.length + (catalogue?.length ?? 0) === 0;

/** The state as lines for a person. */
export function tell(state: SchemaState): string[] {
  const { applied, pending, changed, unknown, catalogue } = state;
  const number = (version: number) => String(version).padStart(4, '0');
  const title = ({ version, name }: AppliedMigration) => `${number(version)}_${name}`;
  return [
    ...section(
      'Applied',
      applied.map((one) => `${one.at}  ${title(one)}  by ${one.by}${one.finished ? '' : ', not finished'}`),
    ),
    ...section('Pending', pending),
    ...section('Drift', [
      ...changed.map((file) => `${file} was changed after it had been applied`),
      ...unknown.map((one) => `${title(one)} is applied, and there is no such file`),
      ...(catalogue ?? []).flatMap(describe),
    ]),
    ...(catalogue
      ? []
      : ['The catalogue was not compared: what the unknown migrations made, nobody can tell.']),
  ];
}

const section = (title: string, lines: string[]) => [
  `${title}:`,
  ...(lines.length === 0 ? ['  nothing'] : lines.map((line) => `  ${line}`)),
  '',
];

function describe({ name, kind, is, shouldBe }: Difference): string[] {
  if (kind === 'missing') return [`${name} is missing`];
  if (kind === 'unknown') {
    const isInvalid = /\bnot valid\)?$/.test(is ?? '');
    return [`${name} is of no migration${isInvalid ? ', and not valid: its build failed' : ''}`];
  }
  const short = (text = '') => (text.includes('\n') ? `${text.split('\n').length} lines` : text);
  return [`${name} is different`, `  is         ${short(is)}`, `  should be  ${short(shouldBe)}`];
}
