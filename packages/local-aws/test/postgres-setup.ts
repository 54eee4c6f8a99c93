/**
 * A database of its own for a test file, on the server that the test run starts for the first that
 * asks.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Pool } from 'pg';
import { type Login, type PgAddress, type PgServer, serverAt } from '../postgres/index.ts';

/** `admin` owns the database; `app` may read and write what it is granted; the superuser all. */
export type TestUser = 'app' | 'admin' | 'superuser';

export type TestDatabase = {
  readonly name: string;
  readonly server: PgServer;
  readonly logins: { readonly app: Login; readonly admin: Login };
  /** Connections as that user; the same pool each time. */
  pool(user?: TestUser): Pool;
  /** Ends the connections and removes what was made. */
  drop(): Promise<void>;
};

/** Where the test run's PostgreSQL is; jest's global setup opens this door. */
async function testServer(): Promise<PgServer> {
  const socket = connect(Number(process.env.RESTORECLICK_TEST_POSTGRES), '127.0.0.1');
  await once(socket, 'connect');
  const answer: { address: PgAddress } | { error: string } = JSON.parse(await text(socket));
  if ('error' in answer) throw new Error(`PostgreSQL did not start: ${answer.error}`);
  return serverAt(answer.address);
}

export async function testDatabase(): Promise<TestDatabase> {
  const server = await testServer();
  const name = `test_${randomBytes(8).toString('hex')}`;
  const login = (role: string): Login => ({ username: `${name}_${role}`, password: 'of this test' });
  const logins = { admin: login('admin'), app: login('app') };
  const superuser = server.pool('postgres');
  await server.createAdministrator(logins.admin);
  await superuser.query(
    `create role ${logins.app.username} login password 'of this test';
     alter role ${logins.app.username} set default_transaction_isolation = 'serializable'`,
  );
  await server.createDatabase(name, { owner: logins.admin.username });
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
      const last = server.pool('postgres');
      await last.query(`drop role ${logins.app.username}; drop role ${logins.admin.username}`);
      await server.close();
    },
  };
}
