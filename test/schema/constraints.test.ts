/**
 * What PostgreSQL refuses whoever writes: wrong money, two live jobs, attempts and downloads beyond
 * the last; and the day of an order number.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorCodes } from '../../lambdas/error-codes.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { day, type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

/** A write as the steps' role makes it. */
async function write(sql: string, values: unknown[] = []) {
  const client = await database.pool('app').connect();
  try {
    await client.query(`select set_config('app.actor', 'a test', false)`);
    return await client.query(sql, values);
  } finally {
    await client.query('discard all');
    client.release();
  }
}

describe('the money of an order', () => {
  const sum = { subtotal: '10.00', discount_amount: '1.00', tax_amount: '2.00', total_amount: '11.00' };
  const insert = (money: Record<string, string | null>) => {
    const { subtotal, discount_amount, tax_amount, total_amount } = { ...sum, ...money };
    return write(
      `insert into orders (order_number, subtotal, discount_amount, tax_amount, total_amount) values ($1, $2, $3, $4, $5)`,
      [randomUUID().slice(0, 20), subtotal, discount_amount, tax_amount, total_amount],
    );
  };

  test.each<Record<string, string | null>>([
    { total_amount: '11.01' },
    { subtotal: null },
    { discount_amount: null },
    { tax_amount: null },
    { subtotal: '-1.00', total_amount: '0.00' },
    { discount_amount: '-1.00', total_amount: '13.00' },
    { tax_amount: '-2.00', total_amount: '7.00' },
    { discount_amount: '20.00', total_amount: '-8.00' },
    { subtotal: 'NaN', total_amount: 'NaN' },
  ])('is refused with %j', async (money) => {
    await expect(insert(money)).rejects.toMatchObject({ code: '23514', constraint: 'chk_order_money' });
  });

  test('is never without a total', async () => {
    await expect(insert({ total_amount: null })).rejects.toMatchObject({ code: '23502' });
  });

  test('is taken when it adds up, and when it is nothing', async () => {
    await insert({});
    await insert({ subtotal: '0', discount_amount: '0', tax_amount: '0', total_amount: '0' });
  });

  test.each(['0, 499', '-1, 499', '1, -1'])('is asked for in no checkout of %s', async (amounts) => {
    const asked = write(
      `insert into checkouts (upload_session_id, attempt, currency, photo_count, unit_amount_cents) values ('s', 1, 'USD', ${amounts})`,
    );
    await expect(asked).rejects.toMatchObject({ constraint: 'chk_checkout_money' });
  });

  test.each(['unknown', null])('has no payment status %s', async (status) => {
    const { orderId } = await shop.placed({ count: 1 });
    const change = write('update orders set payment_status = $2 where id = $1', [orderId, status]);
    await expect(change).rejects.toMatchObject({ code: 'RC001' });
  });
});

test.each(['kept', 'claimed', 'processing'] as const)(
  'a photo with a job that is %s gets no second one',
  async (stage) => {
    const { photos } = await shop[stage]({ count: 1 });
    await expect(
      write('insert into restoration_jobs (original_image_id) values ($1)', [photos[0]?.imageId]),
    ).rejects.toMatchObject({ code: '23505', constraint: 'uq_live_job' });
  },
);

describe('a row does not contradict itself', () => {
  const states = ['pending_payment', 'processing', 'completed', 'failed', 'refunded'];
  const payments: Record<string, string[]> = {
    pending: ['pending_payment'],
    failed: ['failed'],
    paid: ['processing', 'completed', 'failed'],
    partially_refunded: ['processing', 'completed', 'failed'],
    disputed: ['processing', 'completed', 'failed'],
    refunded: ['refunded'],
  };
  /** Without triggers, which refuse most of it before: checks hold all the same. */
  async function force(sql: string, values: unknown[]): Promise<string> {
    const client = await database.pool('superuser').connect();
    try {
      await client.query(
        'begin; set local search_path = restoreclick; set local session_replication_role = replica',
      );
      return await client.query(sql, values).then(
        () => 'taken',
        ({ constraint, message }) => constraint ?? message,
      );
    } finally {
      await client.query('rollback');
      client.release();
    }
  }

  test.each(Object.keys(payments))(
    'an order whose payment is %s is in a state that goes with it',
    async (payment) => {
      const { orderId } = await shop.placed({ count: 1 });
      const set = `update orders set status = $2, payment_status = $3::text,
      paid_at = case when $3::text not in ('pending', 'failed') then now() end where id = $1`;
      const taken = [];
      for (const status of states)
        if ((await force(set, [orderId, status, payment])) === 'taken') taken.push(status);
      expect(taken).toEqual(payments[payment]);
    },
  );

  test.each([
    ['orders', `paid_at = null`, 'chk_order_states'],
    ['orders', `status = 'pending_payment', payment_status = 'pending'`, 'chk_order_states'],
    ['orders', `payment_status = 'pending', paid_at = null`, 'chk_order_states'],
    ['orders', `payment_status = null`, 'chk_order_payment_status'],
    ['orders', `payment_status = 'given'`, 'chk_order_payment_status'],
    ['restoration_jobs', `status = 'completed'`, 'chk_job_restored'],
    ['restoration_jobs', `status = 'queued'`, 'chk_job_held'],
    ['restoration_jobs', `status = 'processing'`, 'chk_job_held'],
    ['email_queue', `status = 'sending'`, 'chk_email_lease'],
    ['webhook_events', `processed_at = null`, 'chk_event_processed'],
  ])('%s: not %s alone', async (table, set, constraint) => {
    const { orderId, photos, emailId, checkoutId } = await shop.kept({ count: 1 });
    const ids: Record<string, unknown> = {
      orders: orderId,
      restoration_jobs: photos[0]?.jobId,
      email_queue: emailId,
      webhook_events: (await shop.rows('select id from webhook_events where object_id = $1', [checkoutId]))[0]
        .id,
    };
    expect(await force(`update ${table} set ${set} where id = $1`, [ids[table]])).toBe(constraint);
  });

  test('and every check was made of the rows that were there before it', async () => {
    const { rows } = await database
      .pool('superuser')
      .query('select conname from pg_constraint where not convalidated');
    expect(rows).toEqual([]);
  });
});

describe('what is counted stays within its bounds', () => {
  test.each([
    ['attempt_number = 4', 'chk_job_attempts'],
    ['attempt_number = 0', 'chk_job_attempts'],
    ['attempt_number = null', 'chk_job_attempts'],
    ['max_attempts = null', 'chk_job_attempts'],
    ['max_attempts = 0', 'chk_job_attempts'],
  ])('a job: %s', async (set, constraint) => {
    const { photos } = await shop.kept({ count: 1 });
    await expect(
      write(`update restoration_jobs set ${set} where id = $1`, [photos[0]?.jobId]),
    ).rejects.toMatchObject({ constraint });
  });

  test.each([
    ['attempt_number = 4', 'chk_email_attempts'],
    ['attempt_number = -1', 'chk_email_attempts'],
    ['attempt_number = null', 'chk_email_attempts'],
    ["status = 'sent'", 'chk_email_sent_at'],
    ["email_type = 'advertisement'", 'chk_email_type'],
  ])('an email: %s', async (set, constraint) => {
    const { emailId } = await shop.placed({ count: 1 });
    await expect(write(`update email_queue set ${set} where id = $1`, [emailId])).rejects.toMatchObject({
      constraint,
    });
  });

  test.each(['11, 10', '-1, 10', 'null, 10', '0, null'])('a link with downloads %s', async (counts) => {
    await expect(
      write(
        `insert into download_links (token, link_type, download_count, max_downloads) values ($1, 'share', ${counts})`,
        [randomUUID()],
      ),
    ).rejects.toMatchObject({ constraint: 'chk_link_downloads' });
  });
});

describe('order numbers', () => {
  const next = async (setting = '') => {
    const client = await database.pool('app').connect();
    try {
      await client.query('begin');
      await client.query(`select set_config('restoreclick.clock_offset', $1, true)`, [setting]);
      const { rows } = await client.query('select next_order_number() as number, now() as now');
      return rows[0] as { number: string; now: Date };
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  test('bear the day in UTC, up to midnight and from midnight on', async () => {
    const { now } = await next();
    // Far enough from midnight that the test itself does not cross it.
    const toNoon = day / 2 - (now.getTime() % day);
    const dayOf = async (fromNoon: number) =>
      (await next(`${toNoon + fromNoon} milliseconds`)).number.slice(0, 8);
    const iso = (time: number) => new Date(time).toISOString().slice(0, 10).replaceAll('-', '');
    const noon = now.getTime() + toNoon;
    expect(await dayOf(day / 2 - 60_000)).toBe(iso(noon));
    expect(await dayOf(day / 2)).toBe(iso(noon + day));
  });
});

test('an error code is one of those that its table may hold', async () => {
  const [{ prosrc } = { prosrc: '' }] = await shop.rows(
    "select prosrc from pg_proc where proname = 'is_error_code'",
  );
  const words = [...String(prosrc).matchAll(/'(\w+)'/g)].map(([, word]) => word ?? '');
  for (const [table, codes] of Object.entries(errorCodes)) {
    const asked = await shop.rows(
      'select word, is_error_code($1, word) as listed from unnest($2::text[]) as word',
      [table, [...new Set([...words, ...Object.keys(codes)])]],
    );
    const listed = asked.filter(({ listed }) => listed).map(({ word }) => word);
    expect([table, ...listed.sort()]).toEqual([table, ...Object.keys(codes).sort()]);
  }
});

test.each(['images', 'restoration_jobs', 'email_queue'])(
  '%s refuses an unknown error code',
  async (table) => {
    const { photos, emailId } = await shop.kept({ count: 1 });
    const [photo] = photos;
    const id = { images: photo?.imageId, restoration_jobs: photo?.jobId, email_queue: emailId }[table];
    const changed = (code: string) => write(`update ${table} set error_code = $2 where id = $1`, [id, code]);
    await expect(changed('no_such_code')).rejects.toMatchObject({ code: '23514' });
    await expect(changed('step_broken')).resolves.toMatchObject({ rowCount: 1 });
  },
);
