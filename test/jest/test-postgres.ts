/** The one PostgreSQL of a test run: all migrations in a template that each test file copies. */

import { type PgAddress, startPostgres } from '@restoreclick/local-aws';
import { createMigratedDatabase, type Logins } from '../../schema/migrate/migrated-database.ts';

/** What a test file needs to know of it. */
export type TestPostgres = { address: PgAddress; template: string; logins: Logins };

export async function startTestPostgres(): Promise<{ description: TestPostgres; stop(): Promise<void> }> {
  const server = await startPostgres();
  try {
    const template = 'template_restoreclick';
    const logins = await createMigratedDatabase(server, template);
    const { host, port, adminUser, adminPassword } = server;
    return {
      description: { address: { host, port, adminUser, adminPassword }, template, logins },
      stop: server.stop,
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
