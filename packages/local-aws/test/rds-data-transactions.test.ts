import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  RollbackTransactionCommand,
} from '@aws-sdk/client-rds-data';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { adminSecretArn, appSecretArn, clusterArn, openRdsData } from './rds-data-setup.ts';

let open: Awaited<ReturnType<typeof openRdsData>>;
beforeAll(async () => {
  open = await openRdsData({ clockSetting: 'test.ahead' });
  await execute('create table notes (text text)');
});
afterAll(() => open.close());
beforeEach(() => execute('truncate notes'));

const cluster = { resourceArn: clusterArn, secretArn: adminSecretArn };

async function execute(sql: string, options: { transactionId?: string } = {}) {
  const { records } = await open
    .client()
    .send(new ExecuteStatementCommand({ ...cluster, database: open.database.name, sql, ...options }));
  return records?.map(([field]) => field?.stringValue ?? field?.longValue);
}
async function begin() {
  const command = new BeginTransactionCommand({ ...cluster, database: open.database.name });
  const { transactionId = '' } = await open.client().send(command);
  return { transactionId };
}
const commit = (transaction: { transactionId: string }) =>
  open.client().send(new CommitTransactionCommand({ ...cluster, ...transaction }));
const rollback = (transaction: { transactionId: string }) =>
  open.client().send(new RollbackTransactionCommand({ ...cluster, ...transaction }));

describe('a transaction', () => {
  test('is seen by others once it is committed', async () => {
    const transaction = await begin();
    await execute(`insert into notes values ('kept')`, transaction);
    await expect(execute('select text from notes')).resolves.toEqual([]);
    await expect(commit(transaction)).resolves.toMatchObject({ transactionStatus: 'Transaction Committed' });
    await expect(execute('select text from notes')).resolves.toEqual(['kept']);
  });

  test('leaves nothing when rolled back, and is gone', async () => {
    const transaction = await begin();
    await execute(`insert into notes values ('lost')`, transaction);
    await expect(rollback(transaction)).resolves.toMatchObject({ transactionStatus: 'Rollback Complete' });
    await expect(execute('select text from notes')).resolves.toEqual([]);
    await expect(commit(transaction)).rejects.toMatchObject({ name: 'TransactionNotFoundException' });
  });

  test('with a failed statement cannot be committed', async () => {
    const transaction = await begin();
    await execute(`insert into notes values ('lost')`, transaction);
    await expect(execute('select 1 / 0', transaction)).rejects.toThrow('SQLState: 22012');
    await expect(execute('select 1', transaction)).rejects.toThrow('SQLState: 25P02');
    await expect(commit(transaction)).rejects.toMatchObject({ name: 'DatabaseErrorException' });
    await expect(execute('select text from notes')).resolves.toEqual([]);
  });

  test('is rolled back after three idle minutes of the local clock, not before', async () => {
    const transaction = await begin();
    open.clock.advance(2 * 60_000);
    await execute(`insert into notes values ('lost')`, transaction);
    open.clock.advance(2 * 60_000);
    await execute(`insert into notes values ('lost')`, transaction);
    open.clock.advance(3 * 60_000 + 1);
    await expect(execute('select 1', transaction)).rejects.toMatchObject({
      name: 'TransactionNotFoundException',
    });
    await execute('truncate notes'); // would wait for its lock
  });

  test('finds the clock where it is, also when it moves', async () => {
    const transaction = await begin();
    const ahead = `select extract(epoch from coalesce(current_setting('test.ahead', true), '0')::interval)::int`;
    const [before] = (await execute(ahead, transaction)) ?? [];
    open.clock.advance(60_000);
    await expect(execute(ahead, transaction)).resolves.toEqual([Number(before) + 60]);
    await rollback(transaction);
  });

  test('belongs to the secret it was begun with', async () => {
    const transaction = await begin();
    const command = new CommitTransactionCommand({ ...cluster, secretArn: appSecretArn, ...transaction });
    await expect(open.client().send(command)).rejects.toMatchObject({ name: 'TransactionNotFoundException' });
    await rollback(transaction);
  });
});
