import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { operator } from '@restoreclick/local-aws';
import { adminSecretArn, clusterArn, openRdsData } from '@restoreclick/local-aws/test/rds-data';
import { stepRoles } from '../../schema/migrate/step-roles.ts';
import { testDatabase } from './database.ts';

const secretArn = (role: string) => `arn:aws:secretsmanager:eu-central-1:000000000000:secret:${role}`;
// Roles belong to the whole server, and other tests use the real ones.
const own = randomUUID().slice(0, 8);
const loginOf = (role: string) => ({
  username: `${role}_${own}`,
  password: randomBytes(20).toString('hex'),
});
const [reader, writer, login] = [loginOf('reader'), loginOf('writer'), loginOf('worker')];
const logins = [reader, writer, login];

let open: Awaited<ReturnType<typeof openRdsData>>;
let handler: typeof import('../../lambdas/operations/migrate/handler.ts').handler;

beforeAll(async () => {
  open = await openRdsData({
    database: await testDatabase({ empty: true }),
    timeoutMs: 2_000,
    logins: Object.fromEntries(logins.map((each) => [secretArn(each.username), each])),
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
    PUBLIC_READ_SECRET_ARN: secretArn(reader.username),
    PUBLIC_WRITE_SECRET_ARN: secretArn(writer.username),
    WORK_SECRET_ARN: secretArn(login.username),
    MIGRATIONS_FOLDER: 'schema/migrations',
  });
  ({ handler } = await import('../../lambdas/operations/migrate/handler.ts'));
});
afterAll(async () => {
  for (const { username } of logins)
    await open.database.pool('superuser').query(`drop role if exists ${username}`);
  await open.close();
});

const asSteps = async (sql: string, as = login) => {
  const pool = open.database.server.pool(open.database.name, as);
  return (await pool.query(sql).finally(() => pool.end())).rows;
};

test('through the Data API, an empty database becomes one that the steps can use', async () => {
  const report = await handler();
  expect(report.applied[0]).toBe('0001_tables.sql');
  expect(report.rolesChanged).toEqual(stepRoles);
  const settings = `select current_user::text as "user", current_setting('transaction_isolation') as isolation,
    current_setting('search_path') as path, current_setting('statement_timeout') as limit`;
  for (const [as, limit] of [
    [reader, '10s'],
    [writer, '10s'],
    [login, '40s'],
  ] as const)
    await expect(asSteps(settings, as)).resolves.toEqual([
      { user: as.username, isolation: 'serializable', path: 'restoreclick', limit },
    ]);
});

test('a second run changes nothing', async () => {
  await expect(handler()).resolves.toMatchObject({ applied: [], rolesChanged: [] });
});

test.each([
  ['password', `alter role ${login.username} password 'another'`],
  ['isolation', `alter role ${login.username} set default_transaction_isolation = 'read committed'`],
  ['way of planning', `alter role ${login.username} set enable_seqscan = 'on'`],
  ['patience', `alter role ${login.username} set statement_timeout = 0`],
  ['right to log in', `alter role ${login.username} nologin`],
])('a role that lost its %s gets it back', async (_, loss) => {
  await handler();
  await open.database.pool('superuser').query(loss);
  await open.forgetSessions();
  await expect(handler()).resolves.toMatchObject({ rolesChanged: ['restoreclick_work'] });
  const settings = `select current_setting('transaction_isolation') as isolation, current_setting('enable_seqscan') as scan`;
  await expect(asSteps(settings)).resolves.toEqual([{ isolation: 'serializable', scan: 'off' }]);
});

test('the password is in no statement', async () => {
  await handler();
  const said = JSON.stringify(open.rdsData.statements());
  expect(said).toContain('SCRAM-SHA-256$4096:');
  for (const { password } of logins) expect(said).not.toContain(password);
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
