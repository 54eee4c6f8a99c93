import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Value } from '@restoreclick/data-api';
import type { Statement } from '../../schema/statements/statement.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { runStatement } from './run-statement.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

function statement<Params extends Record<string, Value>, Row extends object>(
  text: string,
): Statement<Params, Row> {
  return { name: 'test/step/statement', text };
}

test('names, nulls and types pass as the product sees them', async () => {
  const read = statement<{ orderId: string; howMany: number; missing: string | null }, object>(`
    select
      :order_id::uuid as order_id,
      :how_many::int + 1 as "how_many!",
      :missing::text as missing,
      12.50::numeric(10,2) as total_amount,
      true as paid,
      '{"a": [1, null]}'::jsonb as metadata,
      array['x', null] as names,
      timestamptz '2026-11-22 10:00:00.5+02' as created_at`);
  const orderId = '6ffb4fd9-9e59-4a8e-90cd-6c2a4ab0ae0f';
  await expect(runStatement(database, read, { orderId, howMany: 1, missing: null })).resolves.toEqual([
    {
      orderId,
      howMany: 2,
      missing: null,
      totalAmount: '12.50',
      paid: true,
      metadata: { a: [1, null] },
      names: ['x', null],
      createdAt: '2026-11-22T08:00:00.5Z',
    },
  ]);
});

test("a statement runs as its step's role, serializable, and is told which step it is", async () => {
  const { text } = statement(
    `select current_user::text as "user", current_setting('transaction_isolation') as isolation, :actor as actor`,
  );
  for (const [step, user] of [
    ['payment/place-order', 'restoreclick_work'],
    ['order/get-order', 'restoreclick_public_read'],
    ['test/step', 'restoreclick_app'],
  ])
    await expect(runStatement(database, { name: `${step}/who`, text }, {})).resolves.toEqual([
      { user, isolation: 'serializable', actor: step },
    ]);
});

test('a uuid is not compared with a text, here as there', async () => {
  const wrong = statement<{ id: string }, object>('select 1 from orders where id = :id');
  await expect(runStatement(database, wrong, { id: 'x' })).rejects.toMatchObject({ code: '42883' });
});

test('the present is as far ahead as the test says', async () => {
  const present = statement<Record<never, never>, { ahead: string }>(
    `select (present() - now())::text as ahead`,
  );
  await expect(runStatement(database, present, {}, { aheadMs: 3_600_000 })).resolves.toEqual([
    { ahead: '01:00:00' },
  ]);
  await expect(runStatement(database, present, {})).resolves.toEqual([{ ahead: '00:00:00' }]);
});

test('two test files have databases that do not know each other', async () => {
  const other = await testDatabase();
  await other.pool('admin').query('create table only_there ()');
  await other.drop();
  const { rows } = await database.pool('admin').query(`select to_regclass('only_there') as found`);
  expect(rows).toEqual([{ found: null }]);
});
