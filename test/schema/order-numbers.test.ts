/** Order numbers, drawn by many at once. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PoolClient } from 'pg';
import { place } from '../../lambdas/payment/place-order/place.sql';
import { type Checkout, paymentOf } from '../../schema/samples/parameters.ts';
import { withRetries } from './at-once.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { shopOn } from './orders.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.drop());

/**
 * So many writers, each on a connection of its own: a pool's usual ten would let ten in at a time.
 */
const writers = 50;
async function atOnce<Answer>(
  write: (client: PoolClient, index: number) => Promise<Answer>,
): Promise<Answer[]> {
  const { server, name, logins } = database;
  const pool = server.pool(name, logins.app, { max: writers });
  const clients = await Promise.all(Array.from({ length: writers }, () => pool.connect()));
  try {
    return await Promise.all(clients.map(write));
  } finally {
    for (const client of clients) client.release();
    await pool.end();
  }
}

test('are all different, and read YYYYMMDD-NNNNNN, in fifty transactions that are open at once', async () => {
  const numbers = await atOnce(async (client) => {
    await client.query('begin');
    const { rows } = await client.query<{ number: string }>('select next_order_number() as number');
    return rows[0]?.number ?? '';
  });
  expect(new Set(numbers).size).toBe(writers);
  for (const number of numbers) expect(number).toMatch(/^\d{8}-\d{6}$/);
});

test('are all different on fifty orders that are placed at once', async () => {
  const shop = shopOn(database);
  const checkouts: Checkout[] = [];
  for (let made = 0; made < writers; made += 1) checkouts.push(await shop.checkOut(await shop.arrived(1)));
  const placed = await atOnce((client, index) => {
    const payment = paymentOf(checkouts[index] as Checkout, true);
    return withRetries(() => shop.run(place, payment, { client }));
  });
  const ids = placed.map(([row]) => row?.orderId);
  const kept = await shop.rows('select order_number from orders where id = any ($1)', [ids]);
  expect(new Set(kept.map((row) => row.order_number)).size).toBe(writers);
});

test('go on after the millionth without being cut', async () => {
  const pool = database.pool('superuser');
  await pool.query(`select setval('restoreclick.order_number_seq', 1234567, false)`);
  const { rows } = await pool.query<{ number: string }>('select restoreclick.next_order_number() as number');
  expect(rows[0]?.number).toMatch(/^\d{8}-1234567$/);
});
