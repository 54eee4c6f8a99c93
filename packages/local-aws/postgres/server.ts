/** What the local system does with a running PostgreSQL: databases and pools. */
import pg from 'pg';

export type PgAddress = { host: string; port: number; adminUser: string; adminPassword: string };

export type Login = { username: string; password: string };

export type PgServer = PgAddress & {
  /** Makes the database if it is not there. Nobody may be connected to its template. */
  createDatabase(name: string, options?: { template?: string; owner?: string }): Promise<void>;
  /** Makes or updates a role that may, as Aurora's administrator, make roles and databases. */
  createAdministrator(login: Login): Promise<void>;
  /** Removes the database, if it is there, and ends every connection to it. */
  dropDatabase(name: string): Promise<void>;
  /** A pool of connections, by default as the superuser; `close` ends it, or its own `end`. */
  pool(database: string, user?: Login, settings?: pg.PoolConfig): pg.Pool;
  /** Ends every pool made here; the server goes on. */
  close(): Promise<void>;
};

/** A server that is known to run at that address. */
export function serverAt(address: PgAddress): PgServer {
  const pools = new Set<pg.Pool>();
  const { host, port, adminUser, adminPassword } = address;
  const asAdmin = (statement: string) => runAsAdmin(address, statement);
  return {
    ...address,
    pool(database, user, settings) {
      const login = { user: user?.username ?? adminUser, password: user?.password ?? adminPassword };
      const pool = new pg.Pool({ host, port, database, ...login, ...settings });
      // A connection that the server ends while idle is dropped by the pool.
      pool.on('error', () => undefined);
      pools.add(pool);
      return pool;
    },
    async createDatabase(name, { template, owner } = {}) {
      const options = [
        ...(template === undefined ? [] : [`template ${pg.escapeIdentifier(template)}`]),
        ...(owner === undefined ? [] : [`owner ${pg.escapeIdentifier(owner)}`]),
      ];
      const statement = `create database ${pg.escapeIdentifier(name)} ${options.join(' ')}`;
      await unless('42P04', asAdmin(statement));
    },
    async createAdministrator({ username, password }) {
      const role = pg.escapeIdentifier(username);
      await unless('42710', asAdmin(`create role ${role}`));
      await asAdmin(`alter role ${role} login createrole createdb password ${pg.escapeLiteral(password)}`);
    },
    dropDatabase: (name) => asAdmin(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`),
    async close() {
      await Promise.all([...pools].map((pool) => (pool.ended || pool.ending ? undefined : pool.end())));
      pools.clear();
    },
  };
}

async function runAsAdmin(
  { adminUser: user, adminPassword: password, ...where }: PgAddress,
  statement: string,
) {
  const client = new pg.Client({ ...where, database: 'postgres', user, password });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Waits for `work`; its error counts as success if it has this SQLSTATE. */
async function unless(sqlstate: string, work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof pg.DatabaseError) || error.code !== sqlstate) throw error;
  });
}
