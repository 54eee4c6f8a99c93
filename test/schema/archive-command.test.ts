/**
 * npm run archive: exports whole months, drops only what it was told to, and does so through the
 * Data API too.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { adminSecretArn, clusterArn, openRdsData } from '@restoreclick/local-aws/test/rds-data';
import {
  archivedMonths,
  carryOut,
  exportMonth,
  type Flags,
  regionOf,
  type Wish,
  wishOf,
} from '../../schema/archive/audit-archive.ts';
import { dataApiDatabase } from '../../schema/migrate/data-api.ts';
import type { Execute } from '../../schema/migrate/database-port.ts';
import { plainDatabase } from '../../schema/migrate/plain-database.ts';
import { testDatabase } from './database.ts';

let open: Awaited<ReturnType<typeof openRdsData>>;
let folder: string;
let direct: Execute;
beforeEach(async () => {
  open = await openRdsData({ database: await testDatabase() });
  direct = plainDatabase(open.database.pool('admin')).execute;
  folder = await mkdtemp(join(tmpdir(), 'restoreclick-archive-'));
});
afterEach(async () => {
  await open.close();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Audit rows of that day, archived; in January more than fit into a page, by their number and by
 * their bytes.
 */
async function archived(day: string, rows: number): Promise<void> {
  await direct(
    `insert into restoreclick.audit_logs (entity_type, entity_id, action, new_values, created_at)
     select 'order', restoreclick.derived_id('order', (n % 3)::text), 'updated', jsonb_build_object('n', n, 'text', repeat('"', n)), :day::timestamptz
     from generate_series(1, :rows::int) as n`,
    { day, rows },
  );
  await direct(`select restoreclick.archive_audit(now() - interval '1 day', 10000)`);
}

const numbersIn = async (path: string): Promise<number[]> => {
  const lines = gunzipSync(await readFile(path))
    .toString()
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line).new_values.n).sort((a, b) => a - b);
};
const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);
const carriedOut = async (wish: Wish, execute = direct) => {
  const said: string[] = [];
  await carryOut(execute, wish, (line) => said.push(line));
  return said;
};

describe.each(['a connection', 'the Data API'])('by %s', (way) => {
  const execute: Execute = (sql, parameters) => {
    const target = { resourceArn: clusterArn, secretArn: adminSecretArn, database: open.database.name };
    return way === 'a connection'
      ? direct(sql, parameters)
      : dataApiDatabase(target, open.client()).execute(sql, parameters);
  };

  test('months before the one that is named become files with every row, and go; the others stay', async () => {
    await archived('2024-01-31T23:59:59.999999Z', 1500);
    await archived('2024-02-01T00:00:00Z', 2);
    const said = await carriedOut({ before: '2024-02', folder, dropAs: 'operator:ada' }, execute);
    const file = join(folder, 'audit-2024-01.jsonl.gz');
    expect(said).toEqual([`2024-01  1500 rows → ${file}`, '2024-01  dropped by operator:ada']);
    expect(await readdir(folder)).toEqual(['audit-2024-01.jsonl.gz']);
    expect(await numbersIn(file)).toEqual(upTo(1500));
    expect(await archivedMonths(execute)).toMatchObject([{ month: '2024-02', rows: 2 }]);
    const trace = `select performed_by from restoreclick.audit_logs where entity_type = 'audit_archive'`;
    expect(await direct(trace)).toEqual([{ performed_by: 'operator:ada' }]);
  });
});

test('an export alone drops nothing, and a drop alone writes nothing', async () => {
  await archived('2024-01-01T00:00Z', 3);
  await carriedOut({ before: '2025-01', folder, dropAs: undefined });
  expect(await archivedMonths(direct)).toHaveLength(1);
  await rm(join(folder, 'audit-2024-01.jsonl.gz'));
  await carriedOut({ before: '2025-01', folder: undefined, dropAs: 'operator:ada' });
  expect(await archivedMonths(direct)).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});

test('an export with fewer rows than the month has is no export, and the earlier file stays', async () => {
  await archived('2024-01-01T00:00Z', 3);
  const [month] = await archivedMonths(direct);
  if (!month) throw new Error('There is no month.');
  const path = join(folder, 'audit-2024-01.jsonl.gz');
  await writeFile(path, 'earlier');
  await expect(exportMonth(direct, { ...month, rows: 4 }, folder)).rejects.toThrow(
    'has 3 rows, and 2024-01 has 4',
  );
  expect(await readFile(path, 'utf8')).toBe('earlier');
});

test('an export makes its folder, and says in a sentence which it cannot write to', async () => {
  await archived('2024-01-01T00:00Z', 3);
  const [month] = await archivedMonths(direct);
  if (!month) throw new Error('There is no month.');
  const file = await exportMonth(direct, month, join(folder, 'new'));
  expect(await numbersIn(file)).toEqual([1, 2, 3]);
  for (const wrong of [file, join(file, 'new'), join(folder, 'not', 'there')])
    await expect(exportMonth(direct, month, wrong)).rejects.toThrow(`Nothing can be written to ${wrong}: E`);
});

test('the region is the cluster’s, whatever the environment says', () => {
  expect(regionOf(clusterArn)).toBe('eu-central-1');
  expect(() => regionOf('restoreclick')).toThrow('Which cluster?');
});

describe('its flags', () => {
  test.each<[string, Flags, Wish | undefined]>([
    ['nothing: a list', {}, undefined],
    ['an export', { before: '2025-01', export: 'f' }, { before: '2025-01', folder: 'f', dropAs: undefined }],
    [
      'an export and a drop',
      { before: '2025-01', export: 'f', drop: true, actor: 'a' },
      { before: '2025-01', folder: 'f', dropAs: 'a' },
    ],
    [
      'a drop of what may be lost',
      { before: '2025-01', drop: true, 'without-export': true, actor: 'a' },
      { before: '2025-01', folder: undefined, dropAs: 'a' },
    ],
  ])('mean %s', (_, flags, wish) => {
    expect(wishOf(flags)).toEqual(wish);
  });

  test.each<[Flags, string]>([
    [{ export: 'f' }, 'Which months?'],
    [{ drop: true, 'without-export': true, actor: 'a' }, 'Which months?'],
    [{ actor: 'a' }, 'Which months?'],
    [{ 'without-export': true }, 'Which months?'],
    [{ before: '2025-13', export: 'f' }, 'Which months?'],
    [{ before: '2025-1', export: 'f' }, 'Which months?'],
    [{ before: '2025-01' }, 'To do what?'],
    [{ before: '2025-01', export: '' }, 'To do what?'],
    [{ before: '2025-01', drop: true, actor: 'a' }, 'Drop them with --export'],
    [
      { before: '2025-01', drop: true, actor: 'a', export: 'f', 'without-export': true },
      'Drop them with --export',
    ],
    [{ before: '2025-01', drop: true, export: 'f' }, 'Who drops them?'],
    [{ before: '2025-01', drop: true, export: 'f', actor: ' ' }, 'Who drops them?'],
  ])('%j are refused', (flags, sentence) => {
    expect(() => wishOf(flags)).toThrow(sentence);
  });
});
