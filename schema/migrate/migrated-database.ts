/**
 * Makes a database with all migrations applied, and the roles that use it: for tests, and for
 * describing statements.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Login, PgServer } from '@restoreclick/local-aws';
import { applyMigrations } from './apply.ts';
import { readMigrations } from './migrations.ts';
import { plainDatabase } from './plain-database.ts';
import { ensureStepRole, type StepRole, stepRoles } from './step-roles.ts';

const migrationsFolder = join(import.meta.dirname, '..', 'migrations');

/**
 * The administrator, who owns the schema, and the steps' roles; and `app`, who may do what any of
 * them may, as any step: for tests that play many steps on one connection.
 */
export type Logins = Record<'admin' | 'app' | StepRole, Login>;

/** Nobody is left connected, so that it can be the template of others. */
export async function createMigratedDatabase(server: PgServer, name: string): Promise<Logins> {
  const login = (username: string) => ({ username, password: randomBytes(12).toString('hex') });
  const admin = login('restoreclick_admin');
  const app = login('restoreclick_app');
  const steps = stepRoles.map((role) => [role, login(role)] as const);
  await server.createAdministrator(admin);
  await server.createDatabase(name, { owner: admin.username });
  const pool = server.pool(name, admin);
  try {
    const database = plainDatabase(pool);
    await applyMigrations(database, await readMigrations(migrationsFolder));
    const logIn = (as: Login) => async () => {
      const own = server.pool(name, as);
      await own.query('select').finally(() => own.end());
    };
    for (const [role, each] of steps) await ensureStepRole(database, role, each, logIn(each));
    await ensureStepRole(database, 'restoreclick_work', app, logIn(app));
    await database.execute(`grant ${stepRoles.join(', ')} to ${app.username}`);
  } finally {
    await pool.end();
  }
  return { admin, app, ...(Object.fromEntries(steps) as Record<StepRole, Login>) };
}
