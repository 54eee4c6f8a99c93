import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { declareStatement } from '../../schema/statements/declare.ts';
import { statementTypes } from '../../schema/statements/files.ts';
import { type TestDatabase, testDatabase } from './database.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  const { host, port } = database.server;
  const { username, password } = database.logins.app;
  client = new pg.Client({ host, port, database: database.name, user: username, password });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const declare = (sql: string) => declareStatement(client, 'lambdas/flow/step/do-it.sql', sql);

describe('the types of a statement', () => {
  test('follow the columns and parameters, in camelCase', async () => {
    await expect(
      declare('select id, total_amount, photo_count from orders where id = :order_id::uuid'),
    ).resolves.toBe(`/** Written by \`npm run statements\` from do-it.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const doIt: Statement<{
  orderId: string;
}, {
  id: string;
  totalAmount: string;
  photoCount: number | null;
}>;
`);
  });

  test('know numbers, booleans, json and arrays', async () => {
    const text = await declare(
      `select array_agg(name) as names, metadata, :flag::boolean as "flag!", :n::int as "n!", :ids::jsonb as ids
       from customers group by metadata`,
    );
    expect(text).toContain('{\n  flag: boolean;\n  n: number;\n  ids: string;\n}');
    expect(text).toContain(
      '{\n  names: string[] | null;\n  metadata: unknown;\n  flag: boolean;\n  n: number;\n  ids: unknown;\n}',
    );
  });

  test('trust no column of an outer join, unless its alias ends in !', async () => {
    const text = await declare(
      'select o.id, c.email, o.status as "status!" from orders o left join customers c on c.id = o.customer_id',
    );
    expect(text).toContain('{\n  id: string | null;\n  email: string | null;\n  status: string;\n}');
  });

  test('take a null only where a comment says so', async () => {
    const text = await declare('-- :name may be null\nselect :name::text as a, :other::text as b');
    expect(text).toContain('{\n  name: string | null;\n  other: string;\n}');
  });

  test('leave the actor to the database client', async () => {
    await expect(declare(`select set_config('app.actor', :actor, true) as "a!"`)).resolves.toContain(
      'Statement<Record<never, never>, {\n  a: string;\n}>',
    );
  });

  test.each([
    ['an uncast uuid', 'select 1 as a from orders where id = :id', 'cast the parameter'],
    ['a parameter of any type', 'select 1 as a where :name is null', 'Say which type it has'],
    ['a column that is not there', 'select nothing from orders', 'column "nothing" does not exist'],
    ['a comment about no parameter', '-- :nobody may be null\nselect 1 as a', 'has no such parameter'],
    ['a parameter that is not snake_case', 'select :orderId::text as a', 'not snake_case'],
    ['the same column twice', 'select id, id from orders', 'twice'],
  ])('are refused for %s, and the file is named', async (_, sql, said) => {
    await expect(declare(sql)).rejects.toThrow(said);
    await expect(declare(sql)).rejects.toThrow('lambdas/flow/step/do-it.sql');
  });
});

test('the types beside the statements are those that npm run statements would write', async () => {
  const files = await statementTypes(database.server, database.name, database.logins.app);
  for (const file of files) {
    if ('error' in file) throw file.error;
    expect({ path: file.path, text: await readFile(file.path, 'utf8') }).toEqual(file);
  }
  const present = await readdir('lambdas', { recursive: true });
  const typed = present.filter((path) => path.endsWith('.d.sql.ts')).map((path) => join('lambdas', path));
  expect(typed.sort()).toEqual(files.map(({ path }) => path.slice(process.cwd().length + 1)).sort());
});
