/**
 * Makes a database with all migrations applied, and the roles that use it: for tests, and for
 * describing statements.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Login, PgServer } from '@restoreclick/local-aws';
import { ensureAppRole } from './app-role.ts';
import { applyMigrations } from './apply.ts';
import { readMigrations } from './migrations.ts';
import { plainDatabase } from './plain-database.ts';

const migrationsFolder = join(import.meta.dirname, '..', 'migrations');

/** The administrator, who owns the schema, and the role of the steps. */
export type Logins = { admin: Login; app: Login };

/** Nobody is left connected, so that it can be the template of others. */
export async function createMigratedDatabase(server: PgServer, name: string): Promise<Logins> {
  const login = (username: string) => ({ username, password: randomBytes(12).toString('hex') });
  const admin = login('restoreclick_admin');
  const app = login('restoreclick_app');
  await server.createAdministrator(admin);
  await server.createDatabase(name, { owner: admin.username });
  const pool = server.pool(name, admin);
  try {
    const database = plainDatabase(pool);
    await applyMigrations(database, await readMigrations(migrationsFolder));
    await ensureAppRole(database, app, async () => {
      const own = server.pool(name, app);
      await own.query('select').finally(() => own.end());
    });
  } finally {
    await pool.end();
  }
  return { admin, app };
}
