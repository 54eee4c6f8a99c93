/**
 * The audit trail: one row a write, by whom and from where, without a private value, and out of the
 * steps' reach.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { apply } from '../../lambdas/email/receive-sendgrid-events/apply.sql';
import { create } from '../../lambdas/upload/create-session/create.sql';
import { type TestDatabase, testDatabase } from './database.ts';
import { type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

/** A transaction of the schema's owner. */
async function asOwner(sql: string, values: unknown[] = [], actor = 'a person') {
  const client = await database.pool('admin').connect();
  try {
    await client.query('begin');
    await client.query(
      `select set_config('search_path', 'restoreclick', true), set_config('app.actor', $1, true)`,
      [actor],
    );
    const { rows } = await client.query(sql, values);
    await client.query('commit');
    return rows;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}
const auditOf = (id: string) =>
  asOwner('select * from audit_logs where entity_id = $1 order by created_at', [id]);

/**
 * For each audited table: what it is called in the audit, a row, a change, and its private columns.
 */
const secret = 'secret-value@example.com';
const tables = {
  customers: {
    entity: 'customer',
    row: { email: secret, name: secret, phone: secret },
    set: { phone: null },
  },
  orders: {
    entity: 'order',
    row: { order_number: 'n', subtotal: 1, total_amount: 1 },
    set: { photo_count: 3 },
  },
  images: {
    entity: 'image',
    row: { type: 'original', storage_bucket: 'b', storage_path: 'p', original_filename: secret },
    set: { width: 3 },
  },
  restoration_jobs: { entity: 'restoration_job', row: {}, set: { error_message: secret, max_attempts: 4 } },
  email_queue: {
    entity: 'email',
    row: { email_type: 'share_family', to_email: secret, to_name: secret, subject: secret },
    set: { error_message: secret, attempt_number: 1 },
  },
  file_uploads: {
    entity: 'file_upload',
    row: { upload_session_id: 's', original_filename: secret, storage_path: 'p', customer_email: secret },
    set: { width: 3 },
  },
  download_links: {
    entity: 'download_link',
    row: { token: secret, link_type: 'share' },
    set: { download_count: 1 },
  },
  checkouts: {
    entity: 'checkout',
    row: { upload_session_id: 's', attempt: 1, photo_count: 1, unit_amount_cents: 1, currency: 'USD' },
    set: { stripe_checkout_session_id: 'cs' },
  },
  webhook_events: {
    entity: 'webhook_event',
    row: {
      provider: 'stripe',
      event_id: 'e',
      event_type: 't',
      processed_at: '2025-12-31T00:00:00+00:00',
    },
    set: { object_id: 'o' },
  },
} as const;
const names = Object.keys(tables) as (keyof typeof tables)[];

/** A job needs an original; every other table's row stands alone. */
async function rowFor(table: keyof typeof tables): Promise<Record<string, unknown>> {
  if (table !== 'restoration_jobs') return tables[table].row;
  const order = await shop.placed({ count: 1 });
  return { original_image_id: order.photos[0]?.imageId };
}
async function insert(table: keyof typeof tables, id: string) {
  const row = { id, ...(await rowFor(table)) };
  const columns = Object.keys(row);
  const places = columns.map((_, at) => `$${at + 1}`);
  await asOwner(`insert into ${table} (${columns.join()}) values (${places.join()})`, Object.values(row));
}

describe.each(names)('%s', (table) => {
  const { entity, set } = tables[table];

  test('a row comes, changes and goes: a row of the audit each, with what changed and nothing private', async () => {
    const id = randomUUID();
    await insert(table, id);
    const columns = Object.keys(set);
    const assignments = columns.map((column, at) => `${column} = $${at + 2}`).join();
    await asOwner(`update ${table} set ${assignments} where id = $1`, [id, ...Object.values(set)]);
    await asOwner(`update ${table} set ${assignments} where id = $1`, [id, ...Object.values(set)]);
    await asOwner(`delete from ${table} where id = $1`, [id]);
    const rows = await auditOf(id);
    expect(rows.map(({ action }) => action)).toEqual(['created', 'updated', 'deleted']);
    for (const row of rows) expect(row).toMatchObject({ entity_type: entity, performed_by: 'a person' });
    expect(rows[0].old_values).toBeNull();
    expect(rows[1].changed_fields).toEqual([...columns].sort());
    for (const field of Object.keys(rows[1].new_values ?? {})) expect(columns).toContain(field);
    expect(rows[2].new_values).toBeNull();
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  test('refuses a write without an actor, and to be emptied', async () => {
    const id = randomUUID();
    await insert(table, id);
    const [column] = Object.keys(set);
    await expect(
      asOwner(`update ${table} set ${column} = $2 where id = $1`, [id, Object.values(set)[0]], ''),
    ).rejects.toMatchObject({ code: 'RC002' });
    // By its own trigger: those of the tables that hang on it would refuse too.
    await expect(asOwner(`truncate ${table} cascade`)).rejects.toMatchObject({
      code: 'RC003',
      message: expect.stringContaining(`truncate of ${table} `),
    });
    await asOwner(`delete from ${table} where id = $1`, [id]);
  });
});

test('a change of state is called one, and says from where to where', async () => {
  const order = await shop.kept({ count: 1 });
  const rows = await auditOf(order.photos[0]?.imageId ?? '');
  expect(rows[1]).toMatchObject({
    action: 'status_changed',
    changed_fields: ['status'],
    old_values: { status: 'pending' },
    new_values: { status: 'uploaded' },
    performed_by: 'payment/keep-original',
  });
});

test('the story of an order tells which events moved it, and no other order’s', async () => {
  const [order, other] = [await shop.completed({ count: 1 }), await shop.completed({ count: 1 })];
  const delivered = [order, other].map(({ doneEmailId }) => ({
    id: randomUUID(),
    type: 'delivered',
    email_id: doneEmailId,
    at: Date.now() / 1000,
  }));
  await shop.run(apply, { events: JSON.stringify(delivered), blockedSeconds: 3600 });
  const story = await asOwner('select actor, what from explain_order($1)', [
    await shop.numberOf(order.orderId),
  ]);
  const events = story.filter(({ what }) => what.startsWith('event'));
  expect(events).toEqual([
    {
      actor: 'payment/place-order',
      what: expect.stringContaining('came from stripe: checkout.session.completed'),
    },
    {
      actor: 'email/receive-sendgrid-events',
      what: expect.stringContaining('came from sendgrid: delivered'),
    },
  ]);
  expect(story.filter(({ what }) => what.startsWith('customer'))).toHaveLength(1);
});

test('the story of an order is in order within a transaction too', async () => {
  const order = await shop.completed({ count: 1 });
  const photo = order.photos[0]?.imageId ?? '';
  const rounds = 5;
  const steps = Array.from(
    { length: rounds },
    () => `update orders set status = 'processing' where id = '${order.orderId}';
      update images set status = 'processing' where id = '${photo}';
      update images set status = 'completed' where id = '${photo}';
      update orders set status = 'completed' where id = '${order.orderId}';`,
  );
  await asOwner(`do $$ begin ${steps.join('\n')} end $$`);
  const told = await asOwner(`select what from explain_order($1) where actor = 'a person'`, [
    await shop.numberOf(order.orderId),
  ]);
  const round = [
    `order ${order.orderId.slice(0, 8)} went from completed to processing`,
    `image ${photo.slice(0, 8)} went from completed to processing`,
    `image ${photo.slice(0, 8)} went from processing to completed`,
    `order ${order.orderId.slice(0, 8)} went from processing to completed`,
  ];
  expect(told.map(({ what }) => what)).toEqual(Array.from({ length: rounds }, () => round).flat());
});

test('what says nothing of its own is left out: leases, paths, and times that are the row’s', async () => {
  const order = await shop.processing({ count: 1 });
  const [{ imageId, jobId } = { imageId: '', jobId: '' }] = order.photos;
  const [created] = await auditOf(imageId);
  expect(created.new_values).toMatchObject({ status: 'pending', order_id: order.orderId, width: 40 });
  for (const field of ['id', 'storage_path', 'metadata', 'parent_image_id', 'created_at'])
    expect(Object.keys(created.new_values)).not.toContain(field);
  const claimed = (await auditOf(jobId)).find(({ new_values }) => new_values.status === 'queued');
  expect(claimed).toMatchObject({
    changed_fields: ['leased_until', 'queued_at', 'status'],
    old_values: { status: 'pending' },
    new_values: { status: 'queued' },
  });
});

test('metadata that somebody gave is told', async () => {
  const id = randomUUID();
  await asOwner(
    `insert into orders (id, order_number, subtotal, total_amount, metadata) values ($1, 'given', 1, 1, '{"a": 1}')`,
    [id],
  );
  const [created] = await auditOf(id);
  expect(created.new_values).toMatchObject({ order_number: 'given', metadata: { a: 1 } });
});

test('a time that is not the row’s own is told', async () => {
  const id = randomUUID();
  await insert('email_queue', id);
  await asOwner('update email_queue set scheduled_for = $2 where id = $1', [id, '2026-01-01T00:00:00Z']);
  const [, updated] = await auditOf(id);
  expect(updated.new_values).toEqual({ scheduled_for: expect.stringContaining('2026-01-01') });
});

test('a row that is made older, or given another id, is told of', async () => {
  const [was, is] = [randomUUID(), randomUUID()];
  await insert('file_uploads', was);
  await asOwner(`update file_uploads set created_at = '2020-01-01T00:00:00Z' where id = $1`, [was]);
  await asOwner('update file_uploads set id = $2 where id = $1', [was, is]);
  const [, older, renamed] = await auditOf(was);
  expect(older).toMatchObject({
    changed_fields: ['created_at'],
    new_values: { created_at: expect.stringContaining('2020-01-01') },
  });
  expect(renamed).toMatchObject({ changed_fields: ['id'], old_values: { id: was }, new_values: { id: is } });
});

test('ids are in order of time', async () => {
  const { sessionId } = await shop.arrived(1);
  const rows = await asOwner('select id, created_at from audit_logs order by created_at');
  const milliseconds = rows.map(({ id }) => Number.parseInt(id.replace('-', '').slice(0, 12), 16));
  expect(sessionId).toBeTruthy();
  for (const [at, { id, created_at }] of rows.entries()) {
    expect(id).toMatch(/^.{14}7.{4}[89ab]/); // RFC 9562, version 7
    // Its transaction began before it, and may have waited.
    expect((milliseconds[at] ?? 0) - created_at.getTime()).toBeGreaterThanOrEqual(-1);
    expect(milliseconds[at]).toBeLessThanOrEqual(Date.now() + 1);
  }
});

test('ids of one millisecond are in order too', async () => {
  await asOwner(`insert into file_uploads (upload_session_id, original_filename, storage_path, width)
    select 'many', 'n', 'p', n from generate_series(1, 100) as n`);
  const told = await asOwner(
    `select new_values -> 'width' as width from audit_logs where new_values ->> 'upload_session_id' = 'many' order by id`,
  );
  expect(told.map(({ width }) => width)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
});

test('a caller is named by address and browser, and forgotten after its statement', async () => {
  const id = randomUUID();
  const photos = JSON.stringify([{ id, name: 'n', path: 'p', size: 1, type: 't' }]);
  await shop.run(create, {
    sessionId: id,
    photos,
    customerEmail: null,
    expirySeconds: 60,
    ipAddress: '2001:db8::1',
    userAgent: 'Mozilla/5.0',
  });
  expect(await auditOf(id)).toMatchObject([{ ip_address: '2001:db8::1', user_agent: 'Mozilla/5.0' }]);
  const { uploads } = await shop.announced(1);
  expect(await auditOf(uploads[0]?.id ?? '')).toMatchObject([{ ip_address: null, user_agent: null }]);
});

describe("the steps' role", () => {
  const asStep = (sql: string) => database.pool('app').query(sql);

  test('runs SERIALIZABLE by default', async () => {
    const { rows } = await asStep('show transaction_isolation');
    expect(rows).toEqual([{ transaction_isolation: 'serializable' }]);
  });

  test.each([
    `insert into audit_logs (entity_type, entity_id, action) values ('order', gen_random_uuid(), 'created')`,
    `select record_change('order', null, '{}', '{}')`,
    `update audit_logs set performed_by = 'nobody'`,
    'delete from audit_logs',
    'select * from audit_archive',
    'delete from orders',
    `insert into status_transitions values ('order', 'completed', 'pending_payment')`,
    'truncate orders',
    'alter table orders disable trigger all',
  ])('may not %s', async (sql) => {
    await expect(asStep(sql)).rejects.toMatchObject({ code: '42501' });
  });
});

test.each(['audit_logs', 'audit_archive'])('%s is not emptied, by its owner neither', async (table) => {
  await expect(asOwner(`truncate ${table}`)).rejects.toMatchObject({ code: 'RC003' });
});
