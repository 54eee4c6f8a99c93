/** schema/schema.sql: what the migrations make, and all of it. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { differences, readCatalogue } from '../../schema/drift/catalogue.ts';
import { schemaFile } from '../../schema/drift/schema-file.ts';
import { plainDatabase } from '../../schema/migrate/plain-database.ts';
import { splitSql } from '../../schema/sql/split.ts';
import { type TestDatabase, testDatabase } from './database.ts';

let migrated: TestDatabase;
let empty: TestDatabase;
beforeAll(async () => {
  [migrated, empty] = await Promise.all([testDatabase(), testDatabase({ empty: true })]);
});
afterAll(async () => {
  await migrated?.drop();
  await empty?.drop();
});

test('schema/schema.sql is what npm run statements would write', async () => {
  const written = await schemaFile(plainDatabase(migrated.pool('admin')));
  expect(await readFile('schema/schema.sql', 'utf8')).toBe(written);
});

test('it leaves nothing out: an empty database becomes by it what the migrations make', async () => {
  const statements = splitSql(await readFile('schema/schema.sql', 'utf8'));
  // Tables are read first, and need the functions of their checks and triggers.
  const isFunction = (sql: string) => /^(-- .*\s+)*create function/.test(sql);
  const [schema, path, ...others] = statements;
  const first = others.filter(isFunction);
  const inOrder = [schema, path, 'set check_function_bodies = off', ...first];
  const client = await empty.pool('admin').connect();
  try {
    for (const sql of [...inOrder, ...others.filter((one) => !first.includes(one))])
      await client.query(sql ?? '');
  } finally {
    client.release(true); // with its search path
  }
  const [made, wanted] = await Promise.all(
    [empty, migrated].map((database) => readCatalogue(plainDatabase(database.pool('admin')).execute)),
  );
  expect(wanted?.size).toBeGreaterThan(400);
  expect(differences(made ?? new Map(), wanted ?? new Map())).toEqual([]);
});
