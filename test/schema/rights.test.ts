/**
 * The steps' role may do what the steps' statements need, those of the release that still runs too,
 * and nothing else.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rewriteParameters } from '@restoreclick/data-api';
import type { PoolClient } from 'pg';
import { statementPaths } from '../../schema/statements/files.ts';
import { previousRelease } from '../../schema/statements/release.ts';
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

/** Explaining runs no trigger. */
const ofTriggers = 'select on status_transitions';

test('each right that the role has on a table is needed by a statement', async () => {
  const paths = await statementPaths();
  const ours = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  const statements = [...ours, ...Object.values((await previousRelease()).statements)];
  const { rows } = await owner.query<{ right: string }>(held);
  expect(rows.length).toBeGreaterThan(20);
  const idle: string[] = [];
  for (const { right } of rows) if (!(await isNeeded(right, statements))) idle.push(right);
  expect(idle).toEqual([ofTriggers]);
});

test('the right that only triggers need is needed by them', async () => {
  const write = `insert into file_uploads (upload_session_id, original_filename, storage_path) values ('s', 'n', 'p')`;
  await owner.query(`begin; set local search_path to restoreclick; set local app.actor to 'a test'`);
  try {
    await owner.query(`savepoint allowed; set local role restoreclick_app; ${write}; rollback to allowed`);
    await owner.query(`revoke ${ofTriggers} from restoreclick_app; set local role restoreclick_app`);
    await expect(owner.query(write)).rejects.toMatchObject({
      code: '42501',
      message: 'permission denied for table status_transitions',
    });
  } finally {
    await owner.query('rollback');
  }
});

test('what runs as its owner is called by the steps where they need it, and by nobody else', async () => {
  const { rows } = await owner.query<{ name: string; callers: string[] }>(
    `select proname as name, array_remove(array_agg(
       case when grantee = 0 then 'public' when grantee <> proowner then grantee::regrole::text end), null) as callers
     from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
     where pronamespace = 'restoreclick'::regnamespace and prosecdef and prorettype <> 'trigger'::regtype
     group by proname order by proname`,
  );
  expect(rows).toEqual([{ name: 'archive_audit', callers: ['restoreclick_app'] }]);
});
