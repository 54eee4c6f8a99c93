/**
 * A database of its own for each test file: a copy of the migrated template, made in some 50 ms.
 */
import { randomUUID } from 'node:crypto';
import { type PgServer, serverAt } from '@restoreclick/local-aws';
import type { Pool } from 'pg';
import type { Logins } from '../../schema/migrate/migrated-database.ts';
import { ask } from '../jest/ask.ts';
import type { TestPostgres } from '../jest/test-postgres.ts';

/**
 * A step's role, all of them in one, the schema's owner, or the superuser, who may skip triggers.
 */
export type TestUser = keyof Logins | 'superuser';

export type TestDatabase = {
  readonly name: string;
  readonly server: PgServer;
  readonly logins: Readonly<Logins>;
  /** Connections as that user; the same pool each time. */
  pool(user?: TestUser): Pool;
  /** Ends the connections and removes the database. */
  drop(): Promise<void>;
};

/**
 * @param empty without the schema, owned by the administrator: for what migrations do themselves
 */
export async function testDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const { address, template, logins } = await testPostgres();
  const server = serverAt(address);
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await server.createDatabase(name, { owner: logins.admin.username, ...(empty ? {} : { template }) });
  const pools = new Map<TestUser, Pool>();
  return {
    name,
    server,
    logins,
    pool(user = 'app') {
      const pool = pools.get(user) ?? server.pool(name, user === 'superuser' ? undefined : logins[user]);
      pools.set(user, pool);
      return pool;
    },
    async drop() {
      await server.close();
      await server.dropDatabase(name);
    },
  };
}

function testPostgres(): Promise<TestPostgres> {
  return ask<TestPostgres>('RESTORECLICK_TEST_POSTGRES');
}
