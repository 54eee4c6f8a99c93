/**
 * The benchmark of the database: fills it, takes orders through every statement, and says which
 * budgets are met.
 */
import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { type Catalog, createCatalog, type PgServer, startPostgres } from '@restoreclick/local-aws';
import type { Pool } from 'pg';
import { archive } from '../../lambdas/operations/reconcile/archive.sql';
import { expire } from '../../lambdas/operations/reconcile/expire.sql';
import { faults } from '../../lambdas/operations/reconcile/faults.sql';
import { stuck } from '../../lambdas/operations/reconcile/stuck.sql';
import { createMigratedDatabase, type Logins } from '../migrate/migrated-database.ts';
import type { Run } from '../samples/orders.ts';
import { fill } from './fill.ts';
import { badOrder, goodOrder, visit } from './life.ts';
import { createMeter, type Sample, telling } from './measure.ts';
import { budgets, type Cost, costsOf, misses, table, twin, yardstickOf } from './report.ts';

export type Options = {
  orders: number;
  /**
   * Orders of one photo taken through; a third as many of ten, but thirty: of 15 pairs a growth
   * wandered from 1.0 to 1.5.
   */
  lives: number;
  say: (line: string) => void;
};

type Ground = { server: PgServer; name: string; logins: Logins; admin: Pool; catalog: Catalog };

const smallest = 10_000;
const reconciliations = 30;

/**
 * What Aurora makes shared buffers of the 16 GB that production's 8 capacity units have; half of
 * this machine's memory, if that is less.
 */
const buffersMb = Math.min(12_288, Math.floor(totalmem() / 2 ** 21));
/** No checkpoint while it is measured: Aurora has none. */
const roomy = { shared_buffers: `${buffersMb}MB`, max_wal_size: '16GB', checkpoint_timeout: '1h' };

/** @returns whether every budget is met */
export async function benchmark({ orders, lives, say }: Options): Promise<boolean> {
  const server = await startPostgres({ settings: roomy });
  try {
    say(
      `Scratch PostgreSQL: nothing waits for a disk, ${buffersMb} MB of shared buffers. Times are the server’s as it logs them,
planning (“plan”) and execution with all triggers (“run”), on a connection that keeps its triggers’ plans; “cold” is the p50 on one that
forgets them after each statement, as the Data API’s is said to; “client” is the p50 that a client on this machine sees.\n`,
    );
    const small = orders > smallest ? await filled(server, smallest, say) : undefined;
    const ground = await filled(server, orders, say);
    // The roles are the server's, and got new passwords with the second database.
    const grounds = small ? [ground, { ...small, logins: ground.logins }] : [ground];
    const [costs = [], smaller = []] = await measureAll(grounds, lives);
    const large = await largeTables(ground);
    for (const line of table(costs, large, smaller)) say(line);
    const yardstickMs = yardstickOf(costs);
    const missed = costs.filter(
      (cost) => misses(cost, large, yardstickMs, twin(cost, smaller)).length > 0,
    ).length;
    say(`\nThe yardstick took ${yardstickMs.toFixed(3)} ms.`);
    say(`\n${verdict(missed === 0)}  ${costs.length - missed} of ${costs.length} lines above`);
    const facts = [
      await auditBytes(ground, lives),
      await auditCost(ground, lives),
      await retries(ground, lives),
    ];
    for (const { met, line } of facts) say(`${met === undefined ? '        ' : verdict(met)}  ${line}`);
    return missed === 0 && facts.every(({ met }) => met !== false);
  } finally {
    await server.stop();
  }
}

const verdict = (met: boolean) => (met ? 'met     ' : 'NOT MET ');

async function filled(server: PgServer, orders: number, say: (line: string) => void): Promise<Ground> {
  const started = performance.now();
  const name = `filled_${orders}`;
  const logins = await createMigratedDatabase(server, name);
  const admin = server.pool(name);
  await telling(admin, logins.app.username);
  const client = await admin.connect();
  await fill(client, orders).finally(() => client.release());
  // What a shop at work has in memory.
  await admin.query(
    `create extension pg_prewarm; select pg_prewarm(oid) from pg_class where relnamespace = 'restoreclick'::regnamespace and relkind in ('r', 'i')`,
  );
  await admin.query(await readFile(new URL('touch-every-page.sql', import.meta.url), 'utf8'));
  const { rows } = await admin.query<{ said: string }>(
    `select string_agg(reltuples::int8 || ' ' || relname, ', ' order by relname) as said from pg_class
     where relnamespace = 'restoreclick'::regnamespace and relkind = 'r' and reltuples > 1000`,
  );
  say(`Filled in ${((performance.now() - started) / 1000).toFixed(0)} s: ${rows[0]?.said}.\n`);
  return { server, name, logins, admin, catalog: createCatalog(admin) };
}

/**
 * Every statement with one photo, and with ten, on a connection that keeps its plans, and on one
 * that forgets them; of each ground.
 */
async function measureAll(grounds: Ground[], lives: number): Promise<Cost[][]> {
  const warm = await lived(grounds, lives, false);
  const cold = await lived(grounds, Math.ceil(lives / 2), true);
  return grounds.map((_, at) => costsOf(warm[at] ?? [], cold[at]));
}

/**
 * Every other order is explained and counted; of the others a client takes the time.
 * The grounds take turns, so that whatever else this machine does falls on all of them.
 */
async function lived(grounds: Ground[], lives: number, forgetting: boolean): Promise<Sample[][]> {
  let counting = false;
  const all = grounds.map(({ server, name, logins, admin, catalog }) => {
    const pool = server.pool(name, logins.app, { max: 1 });
    return { admin, pool, meter: createMeter(pool, catalog, { counting: () => counting, forgetting }) };
  });
  for (const { pool } of all) await pool.query('select public.touch_every_page()');
  for (const [photos, times] of [
    [1, lives],
    [10, Math.max(30, Math.ceil(lives / 3))],
  ] as const) {
    const shops = await Promise.all(
      all.map(async ({ admin, meter }) => ({
        meter,
        done: await finished(admin, photos, times),
        warmUp: meter.samples.length,
      })),
    );
    for (let at = -Math.min(10, times); at < times; at += 1) {
      counting = at % 2 === 0;
      for (const { meter, done, warmUp } of shops) {
        if (at === 0) meter.samples.splice(warmUp);
        await goodOrder(meter.run, photos);
        await badOrder(meter.run, photos);
        const old = done[(at + times) % times];
        if (old) await visit(meter.run, old, photos);
      }
    }
  }
  for (let at = 0; at < reconciliations; at += 1) {
    counting = at % 2 === 0;
    for (const { admin, meter } of all) await reconcile(admin, meter.run);
  }
  for (const { pool } of all) await pool.end();
  return all.map(({ meter }) =>
    meter.samples.map((one) => (one.statement.startsWith('operations/') ? { ...one, photos: 100 } : one)),
  );
}

/** Orders long done, at random. */
async function finished(admin: Pool, photos: number, howMany: number) {
  const { rows } = await admin.query<{ orderId: string; checkoutId: string; sessionId: string }>(
    `select id as "orderId", stripe_checkout_session_id as "checkoutId", upload_session_id as "sessionId"
     from restoreclick.orders where photo_count = $1 and status = 'completed' order by random() limit $2`,
    [photos, howMany],
  );
  return rows;
}

/**
 * Expires a hundred uploads that were never posted, finds nothing stuck, looks for faults in five
 * orders, archives a hundred audit rows.
 */
async function reconcile(admin: Pool, run: Run): Promise<void> {
  await admin.query(
    `set session_replication_role = replica;
     insert into restoreclick.file_uploads (upload_session_id, original_filename, storage_path, expires_at)
     select 'forgotten', 'photo.jpg', 'p', now() - interval '1 hour' from generate_series(1, 100);
     reset session_replication_role`,
  );
  await run(expire, { batch: 100 });
  await run(stuck, { overdueSeconds: 3600, batch: 20 });
  await run(faults, { withinSeconds: 86_400, restedSeconds: 0, orders: 5, batch: 20 });
  await run(archive, { retentionDays: 400, batch: 100 });
}

/** By name; smaller tables are rightly read from end to end. */
async function largeTables({ admin }: Ground): Promise<Set<string>> {
  const { rows } = await admin.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'restoreclick'::regnamespace and relkind = 'r' and relpages > 20`,
  );
  return new Set(rows.map(({ name }) => name));
}

type Fact = { met?: boolean; line: string };

async function auditBytes({ server, name, logins, admin, catalog }: Ground, lives: number): Promise<Fact> {
  const size = async () => {
    const { rows } = await admin.query<{ bytes: string; rows: string }>(
      `select pg_relation_size('restoreclick.audit_logs') as bytes, count(*) as rows from restoreclick.audit_logs`,
    );
    return { bytes: Number(rows[0]?.bytes), rows: Number(rows[0]?.rows) };
  };
  const pool = server.pool(name, logins.app, { max: 1 });
  const { run } = createMeter(pool, catalog);
  const before = await size();
  const orders = Math.max(20, Math.ceil(lives / 2));
  for (let at = 0; at < orders; at += 1) await goodOrder(run, 1 + (at % 4));
  const after = await size();
  await pool.end();
  const rows = after.rows - before.rows;
  const bytes = (after.bytes - before.bytes) / rows;
  const said = `${bytes.toFixed(0)} B of heap an audit row (at most ${budgets.auditRowBytes}), ${(rows / orders).toFixed(0)} rows an order`;
  return { met: bytes <= budgets.auditRowBytes, line: said };
}

/** The same writes with the audit's triggers and without. */
async function auditCost({ server, name, logins, admin, catalog }: Ground, lives: number): Promise<Fact> {
  const tables = await admin.query<{ name: string }>(
    `select tgrelid::regclass::text as name from pg_trigger where tgname = 'audit' and not tgisinternal`,
  );
  const pool = server.pool(name, logins.app, { max: 1 });
  const took: Record<'enable' | 'disable', number[]> = { enable: [], disable: [] };
  // In turns, so that whatever else this machine does falls on both.
  for (let turn = 0; turn < 6; turn += 1) {
    const mode = turn % 2 === 0 ? 'enable' : 'disable';
    for (const one of tables.rows) await admin.query(`alter table ${one.name} ${mode} trigger audit`);
    const meter = createMeter(pool, catalog);
    for (let at = 0; at < Math.ceil(lives / 6); at += 1) await goodOrder(meter.run, 1);
    const writes = meter.samples.filter(({ isRead }) => !isRead);
    took[mode].push(...costsOf(writes).map(({ client }) => client));
  }
  for (const one of tables.rows) await admin.query(`alter table ${one.name} enable trigger audit`);
  await pool.end();
  const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0) / 3;
  const [withAudit, without] = [sum(took.enable), sum(took.disable)];
  return {
    line: `an order's writes take ${withAudit.toFixed(1)} ms with the audit and ${without.toFixed(1)} ms without: × ${(withAudit / without).toFixed(2)}`,
  };
}

const clients = 8;

/**
 * Each client has an order of its own; what two statements of one order do to each other, the tests
 * of their meetings say.
 */
async function retries({ server, name, logins, catalog }: Ground, lives: number): Promise<Fact> {
  let statements = 0;
  const retried = new Map<string, number>();
  const client = async () => {
    const pool = server.pool(name, logins.app, { max: 1 });
    const meter = createMeter(pool, catalog, { forgetting: true });
    for (let at = 0; at < Math.ceil(lives / clients); at += 1) await goodOrder(meter.run, 3);
    await pool.end();
    statements += meter.samples.length;
    for (const [one, times] of meter.retries()) retried.set(one, (retried.get(one) ?? 0) + times);
  };
  await Promise.all(Array.from({ length: clients }, client));
  const all = [...retried.values()].reduce((sum, one) => sum + one, 0);
  const share = all / (statements + all);
  const which = [...retried].sort(([, a], [, b]) => b - a).map(([one, times]) => `${one} ${times}`);
  const said = `${all} of ${statements} statements tried again under ${clients} clients: ${(share * 100).toFixed(2)} % (at most ${budgets.retries * 100} %)`;
  return { met: share <= budgets.retries, line: [said, ...which].join('\n            ') };
}
