/**
 * Reads the migrations beside the bundle: `NNNN_name.sql`, applied in the order of their numbers,
 * each once and for good.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { splitSql } from '../sql/split.ts';

export type Migration = {
  version: number;
  /** `0001_tables.sql` */
  file: string;
  name: string;
  /** SHA-256 of the text, whatever its line ends. */
  checksum: string;
  statements: string[];
  /**
   * False for a file marked `-- migrate: no-transaction`: its statements commit one by one, and
   * must bear being run again.
   */
  inTransaction: boolean;
};

/** @param folder holds nothing else than migrations, or throws */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const migrations = await Promise.all(
    files.map(async (file) => parseMigration(file, await readFile(join(folder, file), 'utf8'))),
  );
  const seen = new Map<number, string>();
  for (const { version, file } of migrations) {
    const other = seen.get(version);
    if (other !== undefined) throw new Error(`${other} and ${file} have the same number.`);
    seen.set(version, file);
  }
  return migrations;
}

export function parseMigration(file: string, content: string): Migration {
  const [, version, name] = /^(\d{4})_(\w+)\.sql$/.exec(file) ?? [];
  if (version === undefined || name === undefined) {
    throw new Error(`${file} is not named like a migration: 0001_what_it_does.sql.`);
  }
  const text = content.replaceAll('\r\n', '\n');
  return {
    version: Number(version),
    file,
    name,
    checksum: createHash('sha256').update(text).digest('hex'),
    statements: splitSql(text),
    inTransaction: !/^-- migrate: no-transaction\s*$/m.test(text),
  };
}
