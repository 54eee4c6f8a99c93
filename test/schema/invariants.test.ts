/**
 * What must never be, tried by hand as a person with psql would, and by two transactions at once
 * below SERIALIZABLE.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PoolClient } from 'pg';
import { type TestDatabase, testDatabase } from './database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.drop());

const isolations = ['read committed', 'repeatable read', 'serializable'] as const;

/** One transaction as the schema's owner, with an actor. */
async function begin(isolation: (typeof isolations)[number] = 'read committed'): Promise<PoolClient> {
  const client = await database.pool('admin').connect();
  await client.query(`begin isolation level ${isolation}`);
  await client.query(
    `select set_config('app.actor', 'a person', true), set_config('search_path', 'restoreclick', true)`,
  );
  return client;
}

async function commit(client: PoolClient): Promise<void> {
  await client.query('commit').finally(() => client.release());
}

/** Runs one statement in a transaction of its own. */
async function change(sql: string, values: unknown[] = []) {
  const client = await begin();
  try {
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

let orders = 0;

/** An order being worked on, with one original in that state. */
async function orderWithPhoto(photo: 'pending' | 'uploaded' | 'processing' | 'completed' = 'processing') {
  orders += 1;
  const [order] = await change(
    `insert into orders (order_number, status, payment_status, paid_at, subtotal, total_amount)
     values ($1, 'processing', 'paid', now(), 4.99, 4.99) returning id`,
    [`20260101-${String(orders).padStart(6, '0')}`],
  );
  const image = await photoOf(order.id);
  const path = { pending: [], uploaded: ['uploaded'], processing: ['uploaded', 'processing'] };
  for (const status of path[photo as 'processing'] ?? ['uploaded', 'processing', 'completed'])
    await change('update images set status = $2 where id = $1', [image, status]);
  return { order: order.id as string, image };
}

async function photoOf(order: string): Promise<string> {
  const [image] = await change(
    `insert into images (order_id, type, storage_bucket, storage_path) values ($1, 'original', 'b', 'p') returning id`,
    [order],
  );
  return image.id;
}

const restore = (order: string, parent: string) =>
  change(
    `insert into images (order_id, type, status, storage_bucket, storage_path, parent_image_id)
     values ($1, 'restored', 'completed', 'b', 'p', $2) returning id`,
    [order, parent],
  );

const job = (original: string, restored: string | null = null) =>
  change('insert into restoration_jobs (original_image_id, restored_image_id) values ($1, $2) returning id', [
    original,
    restored,
  ]);

describe('a completed order', () => {
  test.each(['pending', 'uploaded', 'processing'] as const)(
    'cannot have a photo that is %s',
    async (status) => {
      const { order } = await orderWithPhoto(status);
      await expect(
        change(`update orders set status = 'completed' where id = $1`, [order]),
      ).rejects.toMatchObject({ code: 'RC006' });
    },
  );

  test('can have a photo opened again only together with itself', async () => {
    const { order, image } = await orderWithPhoto('completed');
    await change(`update orders set status = 'completed' where id = $1`, [order]);
    const again = `update images set status = 'processing' where id = $1`;
    await expect(change(again, [image])).rejects.toMatchObject({ code: 'RC006' });
    await change(
      `with reopened as (update orders set status = 'processing' where id = $2 returning id)
       update images set status = 'processing' from reopened where images.id = $1`,
      [image, order],
    );
  });

  const both = isolations.flatMap((opener) => isolations.map((ender) => [opener, ender] as const));

  test.each(both)(
    'is not slipped a photo by whoever opens one (%s) while another ends it (%s)',
    async (opener, ender) => {
      for (const open of [
        `update images set status = 'processing' where id = $1`,
        `insert into images (order_id, type, storage_bucket, storage_path)
       select order_id, 'original', 'b', 'p' from images where id = $1`,
      ]) {
        const { order, image } = await orderWithPhoto('completed');
        const opening = await begin(opener);
        await opening.query(open, [image]);
        const ending = await begin(ender);
        // Where it keeps to one view of things, that is the one before the other commits.
        await ending.query('select from orders where id = $1', [order]);
        const ended = ending
          .query(`update orders set status = 'completed' where id = $1`, [order])
          .then(() => ending.query('commit'))
          .then(
            () => 'completed',
            ({ code }) => code,
          );
        await commit(opening);
        const outcome = await ended;
        await ending.query('rollback').finally(() => ending.release());
        expect(['RC006', '40001']).toContain(outcome);
      }
    },
  );
});

describe('a restored photo', () => {
  test('needs a parent', async () => {
    const { order } = await orderWithPhoto();
    await expect(
      change(
        `insert into images (order_id, type, status, storage_bucket, storage_path) values ($1, 'restored', 'completed', 'b', 'p')`,
        [order],
      ),
    ).rejects.toMatchObject({ constraint: 'chk_restored_has_parent' });
  });

  test('has its parent in the same order', async () => {
    const [mine, theirs] = [await orderWithPhoto(), await orderWithPhoto()];
    await expect(restore(mine.order, theirs.image)).rejects.toMatchObject({ code: 'RC005' });
  });

  test('is not made of a restored one', async () => {
    const { order, image } = await orderWithPhoto();
    const [restored] = await restore(order, image);
    await expect(restore(order, restored.id)).rejects.toMatchObject({ code: 'RC005' });
  });

  test('is the only one with a parent', async () => {
    const { order, image } = await orderWithPhoto();
    await expect(
      change(
        `insert into images (order_id, type, storage_bucket, storage_path, parent_image_id) values ($1, 'original', 'b', 'p', $2)`,
        [order, image],
      ),
    ).rejects.toMatchObject({ constraint: 'chk_restored_has_parent' });
  });

  test('never changes parent, type or order', async () => {
    const [mine, theirs] = [await orderWithPhoto(), await orderWithPhoto()];
    const [restored] = await restore(mine.order, mine.image);
    for (const set of [
      `parent_image_id = '${theirs.image}'`,
      `order_id = '${theirs.order}'`,
      `type = 'original'`,
    ])
      await expect(change(`update images set ${set} where id = $1`, [restored.id])).rejects.toMatchObject({
        code: 'RC004',
      });
  });
});

describe('a job', () => {
  test('has a restored photo of its own original', async () => {
    const [mine, theirs] = [await orderWithPhoto(), await orderWithPhoto()];
    const [foreign] = await restore(theirs.order, theirs.image);
    const [own] = await job(mine.image);
    const set = 'update restoration_jobs set restored_image_id = $2 where id = $1';
    await expect(change(set, [own.id, foreign.id])).rejects.toMatchObject({ code: 'RC005' });
  });

  test('is for an original', async () => {
    const { order, image } = await orderWithPhoto();
    const [restored] = await restore(order, image);
    await expect(job(restored.id)).rejects.toMatchObject({ code: 'RC005' });
  });
});

describe('deleting an order', () => {
  test.each(['original first', 'restored first'])('deletes what hangs on it: %s', async (first) => {
    const { order, image } = await orderWithPhoto();
    const [restored] = await restore(order, image);
    const [made] = await job(image, restored.id);
    // An indexed column changes: the original's new row lies behind the restored one's.
    if (first === 'restored first')
      await change(`update images set status = 'completed' where id = $1`, [image]);
    await change('delete from orders where id = $1', [order]);
    const left = await change(
      'select id from images where order_id = $1 union all select id from restoration_jobs where id = $2',
      [order, made.id],
    );
    expect(left).toEqual([]);
  });

  test('leaves its story, and that of all that hung on it', async () => {
    const { order, image } = await orderWithPhoto();
    await job(image);
    await change(
      `insert into email_queue (order_id, email_type, to_email) values ($1, 'share_family', 'a@example.com')`,
      [order],
    );
    const [{ order_number: number }] = await change('select order_number from orders where id = $1', [order]);
    const story = async () =>
      (await change('select what from explain_order($1)', [number])).map(({ what }) => what);
    const told = await story();
    await change('delete from restoration_jobs where original_image_id = $1', [image]);
    await change('delete from orders where id = $1', [order]);
    const gone = (await story()).map((what) => what.replace(/ [0-9a-f]{8} /, ' '));
    expect(await story()).toEqual(expect.arrayContaining(told));
    expect(gone.slice(told.length).sort()).toEqual(
      ['email', 'image', 'order', 'restoration job'].map((what) => `${what} was deleted`),
    );
    await change(`select archive_audit(now() + interval '1 second', 100000)`);
    expect(await story()).toHaveLength(gone.length);
  });
});

describe('the audit', () => {
  test('is rewritten by nobody', async () => {
    const { order } = await orderWithPhoto();
    for (const sql of [
      'update audit_logs set performed_by = $2 where entity_id = $1',
      'delete from audit_logs where entity_id = $1 and $2 = $2',
    ])
      await expect(change(sql, [order, 'somebody else'])).rejects.toMatchObject({ code: 'RC003' });
  });

  test('moves to its archive in batches, month by month, and nothing is lost', async () => {
    const rows = () =>
      change(
        'select count(*)::int as kept, (select count(*)::int from audit_archive) as archived from audit_logs',
      );
    await orderWithPhoto();
    const [{ kept, archived }] = await rows();
    const [{ moved }] = await change(`select archive_audit(now() + interval '1 second', 2) as moved`);
    expect(moved).toBe(2);
    expect(await rows()).toEqual([{ kept: kept - 2, archived: archived + 2 }]);
    expect(await change(`select archive_audit(now() - interval '1 year', 2) as moved`)).toEqual([
      { moved: 0 },
    ]);
  });

  test('tells the story of an order in words, its archived part too', async () => {
    const { order, image } = await orderWithPhoto('completed');
    await change(`update orders set status = 'completed', completed_at = now() where id = $1`, [order]);
    const [{ order_number: number }] = await change('select order_number from orders where id = $1', [order]);
    const story = async () =>
      (await change('select actor, what from explain_order($1)', [number])).map(({ what }) => what);
    const told = [
      `order ${order.slice(0, 8)} came into being as processing`,
      `image ${image.slice(0, 8)} came into being as pending`,
      `image ${image.slice(0, 8)} went from pending to uploaded`,
      `image ${image.slice(0, 8)} went from uploaded to processing`,
      `image ${image.slice(0, 8)} went from processing to completed`,
      `order ${order.slice(0, 8)} went from processing to completed`,
    ];
    expect(await story()).toEqual(told);
    await change(`select archive_audit(now() + interval '1 second', 100000)`);
    expect(await story()).toEqual(told);
  });
});
