/**
 * Every pair of states of every entity, tried on a row of it: the legal moves pass, all others are
 * refused by name.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PoolClient } from 'pg';
import { type TestDatabase, testDatabase } from './database.ts';
import { type Move, stateDiagrams } from './state-diagrams.ts';

let database: TestDatabase;
let client: PoolClient;
let moves: Move[];
beforeAll(async () => {
  database = await testDatabase();
  client = await database.pool('superuser').connect();
  await client.query(`set search_path to restoreclick; select set_config('app.actor', 'a test', false)`);
  const { rows } = await client.query<Move>(
    'select * from status_transitions order by entity, from_status, to_status',
  );
  moves = rows;
});
afterAll(async () => {
  client?.release();
  await database?.drop();
});

const entities = {
  upload: { table: 'file_uploads', column: 'status' },
  order: { table: 'orders', column: 'status' },
  payment: { table: 'orders', column: 'payment_status' },
  original: { table: 'images', column: 'status' },
  restored: { table: 'images', column: 'status' },
  job: { table: 'restoration_jobs', column: 'status' },
  email: { table: 'email_queue', column: 'status' },
} as const;
type Entity = keyof typeof entities;

const order = `'${randomUUID()}'`;
const original = `'${randomUUID()}'`;

/** A row of each entity, whose state is $2; what it hangs on is there already. */
const births: Record<Entity, string> = {
  upload: `insert into file_uploads (id, upload_session_id, original_filename, storage_path, status) values ($1::uuid, 's', 'n', 'p', $2)`,
  order: `insert into orders (id, order_number, subtotal, total_amount, paid_at, status) values ($1::uuid, left($1::uuid::text, 20), 1, 1, now(), $2)`,
  payment: `insert into orders (id, order_number, subtotal, total_amount, payment_status) values ($1::uuid, left($1::uuid::text, 20), 1, 1, $2)`,
  original: `insert into images (id, type, storage_bucket, storage_path, status) values ($1::uuid, 'original', 'b', 'p', $2)`,
  restored: `insert into images (id, order_id, type, parent_image_id, storage_bucket, storage_path, status)
    values ($1::uuid, ${order}, 'restored', ${original}, 'b', 'p', $2)`,
  job: `insert into restoration_jobs (id, original_image_id, status) values ($1::uuid, ${original}, $2)`,
  email: `insert into email_queue (id, order_id, email_type, to_email, sent_at, status) values ($1::uuid, ${order}, 'share_family', $1::uuid::text, now(), $2)`,
};

/** The states that the table's own check allows. */
async function statesOf(entity: Entity): Promise<string[]> {
  const { table, column } = entities[entity];
  const { rows } = await client.query<{ definition: string }>(
    `select pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = $1::regclass and contype = 'c' and pg_get_constraintdef(oid) ~ $2`,
    [table, `\\m${column}\\M.* = ANY`],
  );
  return [...(rows[0]?.definition ?? '').matchAll(/'(\w+)'/g)].map(([, state = '']) => state);
}

/** Tries something that leaves no trace, and answers PostgreSQL's refusal, if it was one. */
async function attempt(
  action: () => Promise<unknown>,
): Promise<{ code?: string; message?: string } | 'done'> {
  await client.query('savepoint before');
  const outcome = await action().then(
    () => 'done' as const,
    ({ code, message }) => ({ code, message }),
  );
  await client.query('rollback to savepoint before');
  return outcome;
}

/** Runs it within a transaction that holds an order and an original, and is rolled back. */
async function aside(action: () => Promise<void>): Promise<void> {
  await client.query('begin');
  try {
    // What a state asks of its row's other columns is not tried here.
    await client.query(`alter table orders drop constraint chk_order_states;
      alter table restoration_jobs drop constraint chk_job_restored, drop constraint chk_job_held;
      alter table email_queue drop constraint chk_email_lease`);
    await client.query(
      `insert into orders (id, order_number, subtotal, total_amount, status) values (${order}, 'o', 1, 1, 'processing')`,
    );
    await client.query(
      `insert into images (id, order_id, type, storage_bucket, storage_path) values (${original}, ${order}, 'original', 'b', 'p')`,
    );
    await action();
  } finally {
    await client.query('rollback');
  }
}

/** Puts a row in that state without asking the transitions. */
async function putIn(entity: Entity, id: string, state: string): Promise<void> {
  await client.query('set local session_replication_role = replica');
  await client.query(births[entity], [id, state]);
  await client.query('set local session_replication_role = origin');
}

describe.each(Object.keys(entities) as Entity[])('%s', (entity) => {
  const { table, column } = entities[entity];

  test('makes every legal move and no other', () =>
    aside(async () => {
      const states = await statesOf(entity);
      expect(states.length).toBeGreaterThan(4);
      for (const from of states)
        for (const to of states.filter((state) => state !== from)) {
          const id = randomUUID();
          const tried = await attempt(async () => {
            await putIn(entity, id, from);
            await client.query(`update ${table} set ${column} = $2 where id = $1`, [id, to]);
          });
          const legal = moves.some(
            (move) => move.entity === entity && move.from_status === from && move.to_status === to,
          );
          const refusal = { code: 'RC001', message: `${entity} ${id} cannot go from ${from} to ${to}` };
          expect({ from, to, tried }).toEqual({ from, to, tried: legal ? 'done' : refusal });
        }
    }));

  test('is born in its first states and in no other', () =>
    aside(async () => {
      for (const state of await statesOf(entity)) {
        const id = randomUUID();
        const tried = await attempt(() => client.query(births[entity], [id, state]));
        const legal = moves.some(
          (move) => move.entity === entity && move.from_status === '' && move.to_status === state,
        );
        const refusal = { code: 'RC001', message: `${entity} ${id} cannot go from (new) to ${state}` };
        expect({ state, tried }).toEqual({ state, tried: legal ? 'done' : refusal });
      }
    }));
});

test('a failed order that was never paid is not worked on', () =>
  aside(async () => {
    await putIn('order', '00000000-0000-4000-8000-000000000001', 'failed');
    const redrive = () =>
      client.query(`update orders set status = 'processing' where order_number like '00000000%'`);
    expect(await attempt(redrive)).toBe('done');
    await client.query(`update orders set paid_at = null where order_number like '00000000%'`);
    expect(await attempt(redrive)).toMatchObject({
      code: 'RC001',
      message: expect.stringContaining('never paid'),
    });
  }));

test('no state is not a state', () =>
  aside(async () => {
    for (const entity of Object.keys(entities) as Entity[]) {
      const tried = await attempt(() => client.query(births[entity], [randomUUID(), null]));
      expect({ entity, tried }).toMatchObject({ entity, tried: { code: 'RC001' } });
    }
  }));

test('a move is legal from when its row is there until it is taken away, on connections that have asked before too', async () => {
  const other = await database.pool('admin').connect();
  const id = randomUUID();
  try {
    await client.query(births.upload, [id, 'pending']);
    await other.query(`set search_path to restoreclick; set app.actor = 'a test'`);
    const jump = () =>
      other.query(`begin; update file_uploads set status = 'moved_to_permanent' where id = '${id}'`).then(
        () => 'done',
        ({ code }) => code,
      );
    const outcomes: string[] = [];
    for (const change of [
      'select',
      `insert into status_transitions values ('upload', 'pending', 'moved_to_permanent')`,
      `delete from status_transitions where from_status = 'pending' and to_status = 'moved_to_permanent'`,
    ]) {
      await client.query(change);
      outcomes.push(await jump());
      await other.query('rollback');
    }
    expect(outcomes).toEqual(['RC001', 'done', 'RC001']);
  } finally {
    other.release();
  }
});

test('without any row nothing is legal', () =>
  aside(async () => {
    await client.query('truncate status_transitions');
    expect(await attempt(() => client.query(births.upload, [randomUUID(), 'pending']))).toMatchObject({
      code: 'RC001',
    });
  }));

test('the state diagrams of docs/database.md are those of status_transitions', async () => {
  const page = await readFile('docs/database.md', 'utf8');
  const [, shown] = /<!-- states -->\n\n([\s\S]*)\n<!-- \/states -->/.exec(page) ?? [];
  expect(shown).toBe(stateDiagrams(moves));
});
