/**
 * The steps' roles may do what their steps' statements need, those of the release that still runs
 * too, and nothing else; and only as themselves.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { rewriteParameters } from '@restoreclick/data-api';
import type { PoolClient } from 'pg';
import { roleOf, type StepRole, stepRoles, stepsOf } from '../../schema/migrate/step-roles.ts';
import { statementName } from '../../schema/sql/module.js';
import { statementPaths } from '../../schema/statements/files.ts';
import { previousRelease } from '../../schema/statements/release.ts';
import { stepOf } from '../../schema/statements/statement.ts';
import { type TestDatabase, testDatabase } from './database.ts';

let database: TestDatabase;
let owner: PoolClient;
let statements: { name: string; sql: string }[];
beforeAll(async () => {
  database = await testDatabase();
  owner = await database.pool('superuser').connect();
  const paths = await statementPaths();
  const ours = paths.map(async (path) => ({ name: statementName(path), sql: await readFile(path, 'utf8') }));
  const earlier = Object.entries((await previousRelease()).statements);
  statements = [...(await Promise.all(ours)), ...earlier.map(([name, sql]) => ({ name, sql }))];
});
afterAll(async () => {
  owner?.release();
  await database?.drop();
});

const statementsOf = (role: StepRole) => statements.filter((each) => roleOf(stepOf(each)) === role);

const held = `
  select lower(privilege_type) || ' on ' || relname as right
  from pg_class, aclexplode(relacl)
  where relnamespace = 'restoreclick'::regnamespace and relkind in ('r', 'p', 'v', 'm')
    and grantee in (0, $1::regrole)
  order by 1`;

/** Explaining runs nothing, but asks for every right that running would. */
async function isRefused(role: StepRole, sql: string): Promise<boolean> {
  const { text } = rewriteParameters(sql, () => undefined);
  await owner.query(`savepoint asked; set local role ${role}`);
  const code = await owner.query(`explain (generic_plan) ${text}`).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
  await owner.query('rollback to savepoint asked');
  if (code !== undefined && code !== '42501') throw new Error(`${code}: ${sql}`);
  return code === '42501';
}

/** The names of those statements that the role may not run, without that right if one is named. */
async function refused(role: StepRole, of: typeof statements, without?: string): Promise<string[]> {
  await owner.query('begin; set local search_path to restoreclick');
  if (without) await owner.query(`revoke ${without} from ${role}`);
  try {
    const names: string[] = [];
    for (const { name, sql } of of) if (await isRefused(role, sql)) names.push(name);
    return names;
  } finally {
    await owner.query('rollback');
  }
}

/** Explaining runs no trigger. */
const ofTriggers = 'select on status_transitions';

test('every statement belongs to a step that has a role, and every such step is there', () => {
  const steps = new Set(statements.map(stepOf));
  expect([...steps].sort()).toEqual(Object.values(stepsOf).flat().sort());
});

describe.each(stepRoles)('%s', (role) => {
  test('may run the statements of its steps', async () => {
    expect(await refused(role, statementsOf(role))).toEqual([]);
  });

  test('has no right on a table that they do not need', async () => {
    const { rows } = await owner.query<{ right: string }>(held, [role]);
    const idle: string[] = [];
    for (const { right } of rows)
      if ((await refused(role, statementsOf(role), right)).length === 0) idle.push(right);
    expect(idle).toEqual(role === 'restoreclick_public_read' ? [] : [ofTriggers]);
  });

  test('may act as its own steps alone', async () => {
    const { rows } = await owner.query<{ step: string }>(
      `select step from unnest($2::text[]) as step where restoreclick.may_act($1, step)`,
      [role, [...Object.values(stepsOf).flat(), 'operator', '']],
    );
    const writes = role !== 'restoreclick_public_read';
    expect(rows.map(({ step }) => step)).toEqual(writes ? stepsOf[role] : []);
  });
});

test('who is called by anybody may neither place an order, nor work on one, nor write what another did', async () => {
  const writing = ['place-order/place', 'keep-original/keep', 'submit-job/claim', 'settle-payment/settle'];
  const ofWork = statements.filter(({ name }) => writing.some((end) => name.endsWith(end)));
  expect(await refused('restoreclick_public_write', ofWork)).toEqual(ofWork.map(({ name }) => name));
  expect(await refused('restoreclick_public_read', ofWork)).toEqual(ofWork.map(({ name }) => name));
  const upload = `with actor as materialized (select set_config('app.actor', $1, true))
    insert into file_uploads (upload_session_id, original_filename, storage_path)
    select 's', 'n', 'p' from actor`;
  const pool = database.pool('restoreclick_public_write');
  await pool.query(upload, ['upload/create-session']);
  for (const another of ['payment/place-order', 'operator', 'migration:0001'])
    await expect(pool.query(upload, [another])).rejects.toMatchObject({ code: 'RC007' });
});

test('the right that only triggers need is needed by them', async () => {
  const write = `insert into file_uploads (upload_session_id, original_filename, storage_path) values ('s', 'n', 'p')`;
  await owner.query(`begin; set local search_path to restoreclick; set local app.actor to 'a test'`);
  const become = 'set local role restoreclick_public_write';
  try {
    await owner.query(`savepoint allowed; ${become}; ${write}; rollback to allowed`);
    await owner.query(`revoke ${ofTriggers} from restoreclick_public_write; ${become}`);
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
  expect(rows).toEqual([{ name: 'archive_audit', callers: ['restoreclick_work'] }]);
});
