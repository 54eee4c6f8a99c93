/**
 * npm run schema: what is applied, what is pending, and what has drifted. `-- --url postgres://…`
 * asks another database than the local one.
 */
import { join } from 'node:path';
import { startPostgres } from '@restoreclick/local-aws';
import pg from 'pg';
import { operatorsDatabase } from '../local/operators-database.ts';
import { isUpToDate, schemaState, tell } from '../schema/drift/state.ts';
import { readMigrations } from '../schema/migrate/migrations.ts';
import { plainDatabase } from '../schema/migrate/plain-database.ts';
import { command, readOptions } from './command-line.ts';

const project = join(import.meta.dirname, '..');

async function show(url: string | undefined): Promise<boolean> {
  const { config, stop } = await operatorsDatabase(join(project, '.local'), url);
  const pool = new pg.Pool({ ...config, options: '-c default_transaction_read_only=on' });
  // A connection that ends with its server is no failure of this program.
  pool.on('error', () => undefined);
  try {
    await pool.query('select 1'); // an address that answers nothing is known before the scratch server starts
    const scratch = await startPostgres();
    try {
      await scratch.createDatabase('fresh');
      const migrations = await readMigrations(join(project, 'schema', 'migrations'));
      const state = await schemaState(
        plainDatabase(pool).execute,
        migrations,
        plainDatabase(scratch.pool('fresh')),
      );
      for (const line of tell(state)) console.log(line);
      return isUpToDate(state);
    } finally {
      await scratch.stop();
    }
  } finally {
    await pool.end();
    await stop();
  }
}

const usage =
  'npm run schema takes one option, -- --url postgres://…, to ask another database than the local one.';

await command(async () => {
  const { url } = readOptions({ url: { type: 'string' } }, usage);
  const good = await show(url);
  console.log(good ? 'The database is what the files say.' : 'The database is not what the files say.');
  if (!good) process.exitCode = 1;
});
