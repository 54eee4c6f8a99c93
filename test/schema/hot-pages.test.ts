/**
 * Statements that write to every order must not read what all of them write: under SERIALIZABLE
 * each would meet the others.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rewriteParameters } from '@restoreclick/data-api';
import { statementPaths } from '../../schema/statements/files.ts';
import { type TestDatabase, testDatabase } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.drop());

/**
 * The indexes that PostgreSQL would read for the statement, if it had to use one and this one were
 * the only one of its table.
 */
async function readable(path: string, index: string): Promise<boolean> {
  const sql = await readFile(join(import.meta.dirname, '..', '..', 'lambdas', path), 'utf8');
  const client = await database.pool('superuser').connect();
  try {
    await client.query('begin; set local search_path = restoreclick; set local enable_seqscan = off');
    // Nothing but this index may help; the transaction is undone.
    const others = await client.query<{ name: string }>(
      `select indexrelid::regclass::text as name from pg_index
       where indrelid = (select indrelid from pg_index where indexrelid = $1::regclass) and indexrelid <> $1::regclass`,
      [index],
    );
    for (const { name } of others.rows)
      await client.query('update pg_index set indisvalid = false where indexrelid = $1::regclass', [name]);
    const { text } = rewriteParameters(sql, () => undefined);
    const { rows } = await client.query(`explain (generic_plan) ${text}`);
    return JSON.stringify(rows).includes(index);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

test.each([
  ['payment/keep-original/keep.sql', 'uq_live_job'],
  ['payment/place-order/placed.sql', 'idx_email_queue_status'],
  ['payment/place-order/placed.sql', 'idx_emails_open'],
  ['payment/place-order/placed.sql', 'idx_images_status'],
  ['email/send-email/settle.sql', 'idx_emails_open'],
  ['email/send-email/settle.sql', 'idx_email_queue_status'],
])('%s does not read %s', async (path, index) => {
  expect(await readable(path, index)).toBe(false);
});

test('no step reads a whole table, not even a small one', async () => {
  const reading = await Promise.all(
    (await statementPaths()).map(async (path) => {
      const { text } = rewriteParameters(await readFile(path, 'utf8'), () => undefined);
      const { rows } = await database.pool().query(`explain (generic_plan) ${text}`);
      return rows
        .map((row) => row['QUERY PLAN'].match(/Seq Scan on (\w+)/)?.[1])
        .map((table) => table && { path, table });
    }),
  );
  expect(reading.length).toBeGreaterThan(25);
  expect(reading.flat().filter((one) => one)).toEqual([]);
});
