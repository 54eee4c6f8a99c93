import { ExecuteStatementCommand } from '@aws-sdk/client-rds-data';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { adminSecretArn, clusterArn, openRdsData } from './rds-data-setup.ts';

let open: Awaited<ReturnType<typeof openRdsData>>;
beforeAll(async () => {
  open = await openRdsData({ timeoutMs: 400 });
  await execute('create table notes (text text)');
  await execute('create table gate as select 1 as n');
});
afterAll(() => open.close());
beforeEach(() => execute('truncate notes'));

async function execute(sql: string, options: { continueAfterTimeout?: boolean } = {}) {
  const command = new ExecuteStatementCommand({
    resourceArn: clusterArn,
    secretArn: adminSecretArn,
    database: open.database.name,
    sql,
    ...options,
  });
  const { records } = await open.client().send(command);
  return records?.map(([field]) => field?.stringValue ?? field?.longValue);
}

describe('a statement that takes too long', () => {
  const blocked = `insert into notes select 'done' from (select from gate) as opened`;

  /** Holds what the statement waits for, until told to let go. */
  async function closeGate() {
    const client = await open.database.pool('admin').connect();
    await client.query('begin');
    await client.query('lock table gate in access exclusive mode');
    return async () => {
      await client.query('commit');
      client.release();
    };
  }

  test('is cancelled', async () => {
    const openGate = await closeGate();
    await expect(execute(blocked)).rejects.toMatchObject({ name: 'StatementTimeoutException' });
    const waiting = `select count(*)::int from pg_stat_activity where query like 'insert into notes%' and state = 'active'`;
    await expect(execute(waiting)).resolves.toEqual([0]);
    await openGate();
    await expect(execute('select text from notes')).resolves.toEqual([]);
  });

  test('goes on when asked to, though its call has ended', async () => {
    const openGate = await closeGate();
    await expect(execute(blocked, { continueAfterTimeout: true })).rejects.toMatchObject({
      name: 'StatementTimeoutException',
    });
    await expect(execute('select text from notes')).resolves.toEqual([]);
    await openGate();
    const isDone = async () => (await execute('select text from notes'))?.length === 1;
    while (!(await isDone()));
  });
});
