/**
 * Statements outside of a transaction. For an index that is built or dropped concurrently the
 * catalogue is asked what came of it: the Data API may answer an error for one that was made.
 */
import type { MigrationDatabase } from './database-port.ts';

const start = /^(?:\s|--.*\n)*/.source;
const creates = new RegExp(
  `${start}create\\s+(?:unique\\s+)?index\\s+concurrently\\s+(?:if\\s+not\\s+exists\\s+)?(\\w+)\\s+on\\s+(?:only\\s+)?((?:\\w+\\.)?)(\\w+)`,
  'i',
);
const drops = new RegExp(`${start}drop\\s+index\\s+concurrently\\s+(?:if\\s+exists\\s+)?([\\w.]+)`, 'i');

/** @throws Error what the database answered, when the catalogue does not say otherwise */
export async function executeAlone(database: MigrationDatabase, statement: string): Promise<void> {
  const [, name, schema = '', table] = creates.exec(statement) ?? [];
  if (name) return makeIndex(database, statement, `${schema}${name}`, `${schema}${table}`);
  const [, dropped] = drops.exec(statement) ?? [];
  await database.executeLong(statement).catch(async (error: unknown) => {
    if (!dropped || (await stateOf(database, dropped)) !== 'missing') throw error;
  });
}

/** A failed build leaves an invalid index behind, under whose name "if not exists" makes none. */
async function makeIndex(
  database: MigrationDatabase,
  statement: string,
  index: string,
  table: string,
): Promise<void> {
  const [row] = await database.execute(`select 1 as filled from ${table} limit 1`);
  // Nobody waits for the lock on an empty table, and a plain build cannot be left half done.
  const build = row ? statement : statement.replace(/\bconcurrently\b/i, '');
  await dropInvalid(database, index);
  for (let tries = 1; ; tries += 1) {
    const error = await database.executeLong(build).then(
      () => undefined,
      (refusal: unknown) => refusal,
    );
    if ((await stateOf(database, index)) === 'valid') return;
    await dropInvalid(database, index);
    if (tries === 2) throw error ?? new Error(`${index} was built and is not valid.`);
  }
}

async function dropInvalid(database: MigrationDatabase, index: string): Promise<void> {
  if ((await stateOf(database, index)) === 'invalid')
    await database.executeLong(`drop index concurrently if exists ${index}`);
}

async function stateOf({ execute }: MigrationDatabase, index: string) {
  const [row] = await execute(
    'select indisvalid as valid from pg_index where indexrelid = to_regclass(:index)',
    { index },
  );
  if (!row) return 'missing';
  return row.valid ? 'valid' : 'invalid';
}
