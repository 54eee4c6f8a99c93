/** Order numbers, drawn by many at once. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestDatabase, testDatabase } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.drop());

test('are all different, and read YYYYMMDD-NNNNNN', async () => {
  const pool = database.pool('app');
  const drawn = await Promise.all(
    Array.from({ length: 60 }, () =>
      pool.query<{ number: string }>('select restoreclick.next_order_number() as number'),
    ),
  );
  const numbers = drawn.map(({ rows: [row] }) => row?.number ?? '');
  expect(new Set(numbers).size).toBe(60);
  for (const number of numbers) expect(number).toMatch(/^\d{8}-\d{6}$/);
});

test('go on after the millionth without being cut', async () => {
  const pool = database.pool('superuser');
  await pool.query(`select setval('restoreclick.order_number_seq', 1234567, false)`);
  const { rows } = await pool.query<{ number: string }>('select restoreclick.next_order_number() as number');
  expect(rows[0]?.number).toMatch(/^\d{8}-1234567$/);
});
