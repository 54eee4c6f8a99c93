/** npm run schema: what is applied, what is pending, and what has drifted. `-- --url postgres://…` asks another database than the local one. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { z } from 'zod';
import { readMigrations } from '../lambdas/operations/migrate/migrations.ts';
import { isUpToDate, schemaState, tell } from '../lib/schema/state.ts';
import { plainDatabase } from '../lib/statements/plain-database.ts';
import { runningSystem } from '../local/claim.ts';
import { adminUser } from '../local/postgres/cluster.ts';
import { startPostgres } from '../local/postgres/start.ts';

const project = join(import.meta.dirname, '..');
const local = join(project, '.local');
const postgresFolder = join(local, 'postgres');
const remembered = z.object({ port: z.number(), password: z.string() });

/** The database to look at, and what to end afterwards. */
async function subject(url: string | undefined): Promise<{ config: pg.PoolConfig; stop(): Promise<void> }> {
  if (url !== undefined) return { config: { connectionString: url }, stop: async () => {} };
  const note = join(postgresFolder, 'postgres.json');
  if (!existsSync(note))
    throw new Error('The local system has no database yet: npm start makes it. Another is named by --url.');
  const server = (await runningSystem(local)) ? undefined : await startPostgres({ folder: postgresFolder });
  const { port, password } = remembered.parse(JSON.parse(await readFile(note, 'utf8')));
  return {
    config: { host: '127.0.0.1', port, user: adminUser, password, database: 'restoreclick' },
    stop: async () => server?.stop(),
  };
}

async function show(url: string | undefined): Promise<boolean> {
  const { config, stop } = await subject(url);
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

try {
  const { values } = parseArgs({ options: { url: { type: 'string' } } });
  const good = await show(values.url);
  console.log(good ? 'The database is what the files say.' : 'The database is not what the files say.');
  if (!good) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
