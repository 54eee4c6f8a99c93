import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { operator } from '@restoreclick/local-aws';
import { adminSecretArn, clusterArn, openRdsData } from '@restoreclick/local-aws/test/rds-data';
import { testDatabase } from './database.ts';

const secretArn = 'arn:aws:secretsmanager:eu-central-1:000000000000:secret:steps';
// Roles belong to the whole server, and other tests use the real one.
const login = {
  username: `steps_${randomUUID().slice(0, 8)}`,
  password: randomBytes(20).toString('hex'),
};

let open: Awaited<ReturnType<typeof openRdsData>>;
let handler: typeof import('../../lambdas/operations/migrate/handler.ts').handler;

beforeAll(async () => {
  open = await openRdsData({
    database: await testDatabase({ empty: true }),
    timeoutMs: 2_000,
    logins: { [secretArn]: login },
  });
  Object.assign(process.env, {
    AWS_REGION: 'eu-central-1',
    AWS_ENDPOINT_URL_RDS_DATA: open.url,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: open.url,
    AWS_ACCESS_KEY_ID: operator.accessKeyId,
    AWS_SECRET_ACCESS_KEY: operator.secretAccessKey,
    DATABASE_CLUSTER_ARN: clusterArn,
    DATABASE_SECRET_ARN: adminSecretArn,
    DATABASE_NAME: open.database.name,
    APP_SECRET_ARN: secretArn,
    MIGRATIONS_FOLDER: 'schema/migrations',
  });
  ({ handler } = await import('../../lambdas/operations/migrate/handler.ts'));
});
afterAll(async () => {
  await open.database.pool('superuser').query(`drop role if exists ${login.username}`);
  await open.close();
});

const asSteps = async (sql: string) => {
  const pool = open.database.server.pool(open.database.name, login);
  return (await pool.query(sql).finally(() => pool.end())).rows;
};

test('through the Data API, an empty database becomes one that the steps can use', async () => {
  const report = await handler();
  expect(report.applied[0]).toBe('0001_tables.sql');
  expect(report.roleChanged).toBe(true);
  const settings = `select current_user::text as "user", current_setting('transaction_isolation') as isolation,
    current_setting('search_path') as path`;
  await expect(asSteps(settings)).resolves.toEqual([
    { user: login.username, isolation: 'serializable', path: 'restoreclick' },
  ]);
});

test('a second run changes nothing', async () => {
  await expect(handler()).resolves.toMatchObject({ applied: [], roleChanged: false });
});

test.each([
  ['password', `alter role ${login.username} password 'another'`],
  ['isolation', `alter role ${login.username} set default_transaction_isolation = 'read committed'`],
  ['way of planning', `alter role ${login.username} set enable_seqscan = 'on'`],
  ['right to log in', `alter role ${login.username} nologin`],
])('a role that lost its %s gets it back', async (_, loss) => {
  await handler();
  await open.database.pool('superuser').query(loss);
  await open.forgetSessions();
  await expect(handler()).resolves.toMatchObject({ roleChanged: true });
  const settings = `select current_setting('transaction_isolation') as isolation, current_setting('enable_seqscan') as scan`;
  await expect(asSteps(settings)).resolves.toEqual([{ isolation: 'serializable', scan: 'off' }]);
});

test('the password is in no statement', async () => {
  await handler();
  const said = JSON.stringify(open.rdsData.statements());
  expect(said).toContain('SCRAM-SHA-256$4096:');
  expect(said).not.toContain(login.password);
});

test('a statement that outlasts its call is waited for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  const { MIGRATIONS_FOLDER } = process.env;
  process.env.MIGRATIONS_FOLDER = folder;
  await writeFile(
    join(folder, '9001_index.sql'),
    '-- migrate: no-transaction\ncreate index concurrently late on restoreclick.orders (created_at);',
  );
  const holder = await open.database.pool('admin').connect();
  await holder.query('begin; lock table restoreclick.orders in share row exclusive mode');
  try {
    const report = handler();
    await timeoutSeen();
    await holder.query('commit');
    await expect(report).resolves.toMatchObject({ applied: ['9001_index.sql'] });
  } finally {
    holder.release();
    process.env.MIGRATIONS_FOLDER = MIGRATIONS_FOLDER;
    await rm(folder, { recursive: true });
  }
});

async function timeoutSeen(): Promise<void> {
  const isOver = () =>
    open.rdsData.statements().some(({ sqlstate }) => sqlstate === 'StatementTimeoutException');
  while (!isOver()) await open.database.pool('superuser').query('select');
}
