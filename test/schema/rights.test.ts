/** The steps' role may do what the steps' statements need, those of the release that still runs too, and nothing else. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { PoolClient } from 'pg';
import { statementPaths } from '../../lib/statements/files.ts';
import { previousRelease } from '../../lib/statements/release.ts';
import { rewriteParameters } from '../../local/aws/rds-data/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';

let database: TestDatabase;
let owner: PoolClient;
beforeAll(async () => {
  database = await testDatabase();
  owner = await database.pool('superuser').connect();
});
afterAll(async () => {
  owner?.release();
  await database?.drop();
});

const held = `
  select lower(privilege_type) || ' on ' || relname as right
  from pg_class, aclexplode(relacl)
  where relnamespace = 'restoreclick'::regnamespace and relkind in ('r', 'p', 'v', 'm')
    and grantee in (0, 'restoreclick_app'::regrole)
  order by 1`;

/** Explaining runs nothing, but asks for every right that running would. */
async function isRefused(sql: string): Promise<boolean> {
  const { text } = rewriteParameters(sql, () => undefined);
  await owner.query('savepoint asked; set local role restoreclick_app');
  const code = await owner.query(`explain (generic_plan) ${text}`).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
  await owner.query('rollback to savepoint asked');
  if (code !== undefined && code !== '42501') throw new Error(`${code}: ${sql}`);
  return code === '42501';
}

async function isNeeded(right: string, statements: string[]): Promise<boolean> {
  await owner.query('begin; set local search_path to restoreclick');
  await owner.query(`revoke ${right} from restoreclick_app`);
  try {
    for (const sql of statements) if (await isRefused(sql)) return true;
    return false;
  } finally {
    await owner.query('rollback');
  }
}

test('each right that the role has on a table is needed by a statement', async () => {
  const paths = await statementPaths();
  const ours = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  const statements = [...ours, ...Object.values((await previousRelease()).statements)];
  const { rows } = await owner.query<{ right: string }>(held);
  expect(rows.length).toBeGreaterThan(20);
  const idle: string[] = [];
  for (const { right } of rows) if (!(await isNeeded(right, statements))) idle.push(right);
  expect(idle).toEqual([]);
});
