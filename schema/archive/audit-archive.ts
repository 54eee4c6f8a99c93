/**
 * The archive of the audit in an operator's hands: which months it has, a month as a file, and a
 * month dropped.
 */
import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Execute } from '../migrate/database-port.ts';

/** `2025-01`, in UTC. */
export type ArchivedMonth = { month: string; rows: number; bytes: number };

/** @returns all months, the oldest first */
export async function archivedMonths(execute: Execute): Promise<ArchivedMonth[]> {
  const rows = await execute('select month, row_count, bytes from restoreclick.archived_months()');
  return rows.map(({ month, row_count, bytes }) => ({
    month: String(month),
    rows: Number(row_count),
    bytes: Number(bytes),
  }));
}

// By the partition's one index, from where the last page ended. The Data API answers at most 1 MiB.
const pageOf = (month: string) => `
  with page as (
    select entity_type, entity_id, created_at, id, row_to_json(entry)::text as line
    from restoreclick.audit_archive_${month.replace('-', '_')} as entry
    where (entity_type, entity_id, created_at, id) > (:entity_type, :entity_id::uuid, :created_at::timestamptz, :id::uuid)
    order by entity_type, entity_id, created_at, id
    limit 1000
  ),
  measured as (
    select *, sum(octet_length(line)) over (order by entity_type, entity_id, created_at, id) - octet_length(line) as bytes_before
    from page
  )
  select entity_type, entity_id::text, created_at::text, id::text, line
  from measured
  where bytes_before < 400000
  order by measured.entity_type, measured.entity_id, measured.created_at, measured.id`;

const nothing = '00000000-0000-0000-0000-000000000000';

async function* linesOf(execute: Execute, month: string): AsyncGenerator<string> {
  let last = { entity_type: '', entity_id: nothing, created_at: '-infinity', id: nothing };
  for (;;) {
    const rows = await execute(pageOf(month), last);
    const end = rows.at(-1);
    if (!end) return;
    for (const { line } of rows) yield `${line}\n`;
    last = {
      entity_type: String(end.entity_type),
      entity_id: String(end.entity_id),
      created_at: String(end.created_at),
      id: String(end.id),
    };
  }
}

/**
 * Only the last folder of the path is made: Node's recursive mkdir never ends where the parent is
 * there and refuses it as missing.
 */
async function makeDraft(folder: string, draft: string): Promise<FileHandle> {
  try {
    if (!existsSync(folder)) await mkdir(folder);
    return await open(draft, 'w');
  } catch (error) {
    throw new Error(
      `Nothing can be written to ${folder}: ${error instanceof Error ? error.message : error}.`,
    );
  }
}

/**
 * Writes the month as JSON, a row a line, compressed.
 * @returns the file, which holds all its rows
 * @throws Error when it does not; then there is no file of that name but an earlier one
 */
export async function exportMonth(
  execute: Execute,
  { month, rows }: ArchivedMonth,
  folder: string,
): Promise<string> {
  const path = join(folder, `audit-${month}.jsonl.gz`);
  const draft = `${path}.part`;
  // Opened first, so that what the disk refuses is told from what the database does.
  const file = await makeDraft(folder, draft);
  await pipeline(
    Readable.from(linesOf(execute, month)),
    createGzip(),
    file.createWriteStream({ flush: true }),
  );
  const written = await countLines(draft);
  if (written !== rows) throw new Error(`${draft} has ${written} rows, and ${month} has ${rows}.`);
  await rename(draft, path);
  return path;
}

/** Of what lies on the disk. */
async function countLines(path: string): Promise<number> {
  const unpacked = createGunzip();
  const reading = pipeline(createReadStream(path), unpacked);
  let lines = 0;
  for await (const line of createInterface({ input: unpacked })) if (line !== '') lines += 1;
  await reading;
  return lines;
}

/**
 * Drops the month for good, and leaves a trace of it in the audit.
 * @throws DatabaseRefusal when it has other than those rows, or is still being filled
 */
export async function dropMonth(
  execute: Execute,
  { month, rows }: ArchivedMonth,
  actor: string,
): Promise<void> {
  await execute(
    `with actor as materialized (select set_config('app.actor', :actor, true))
     select restoreclick.drop_archive(:month, :rows::bigint) from actor`,
    { actor, month, rows },
  );
}

/**
 * @returns the cluster's region by its ARN: Node's SDK does not read AWS_DEFAULT_REGION, as the AWS
 *   CLI does
 */
export function regionOf(cluster: string): string {
  const region = /^arn:[^:]+:rds:([^:]+):/.exec(cluster)?.[1];
  if (!region) throw new Error('Which cluster? --cluster arn:aws:rds:…');
  return region;
}

export type Wish = { before: string; folder: string | undefined; dropAs: string | undefined };

/** The command's flags, as they came. */
export type Flags = {
  before?: string;
  export?: string;
  drop?: boolean;
  'without-export'?: boolean;
  actor?: string;
};

/**
 * @returns what to do with which months; undefined when they are only to be listed
 * @throws Error saying what is missing: no month is dropped that was not named and either exported
 *   or given up in so many words
 */
export function wishOf(flags: Flags): Wish | undefined {
  const { before, export: folder, drop = false, 'without-export': unexported = false, actor } = flags;
  if (Object.values({ before, folder, actor }).every((given) => given === undefined) && !drop && !unexported)
    return undefined;
  if (before === undefined || !/^\d{4}-(0[1-9]|1[0-2])$/.test(before))
    throw new Error('Which months? --before 2025-01 means all that are older.');
  if (folder === '' || (folder === undefined && !drop))
    throw new Error('To do what? --export folder, --drop, or both.');
  if (!drop) return { before, folder, dropAs: undefined };
  if ((folder === undefined) !== unexported)
    throw new Error('Drop them with --export folder, or, if they may be lost, with --without-export.');
  if (!actor?.trim()) throw new Error('Who drops them? --actor operator:ada');
  return { before, folder, dropAs: actor };
}

/** Exports and drops as wished, month by month, the oldest first. */
export async function carryOut(
  execute: Execute,
  { before, folder, dropAs }: Wish,
  say: (line: string) => void,
): Promise<void> {
  const months = (await archivedMonths(execute)).filter(({ month }) => month < before);
  if (months.length === 0) say(`The archive has no month before ${before}.`);
  for (const one of months) {
    if (folder !== undefined)
      say(`${one.month}  ${one.rows} rows → ${await exportMonth(execute, one, folder)}`);
    if (dropAs === undefined) continue;
    await dropMonth(execute, one, dropAs);
    say(`${one.month}  dropped by ${dropAs}`);
  }
}
