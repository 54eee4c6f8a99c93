/**
 * The release that runs while the next one is deployed: its migrations, and the statements that
 * must bear the next one's.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readMigrations } from '../migrate/migrations.ts';
import { statementName } from '../sql/module.js';
import { statementPaths } from './files.ts';

const projectFolder = join(import.meta.dirname, '..', '..');
const noteFile = join(projectFolder, 'schema', 'previous-release.json');

const release = z.strictObject({
  /** File → SHA-256. */
  migrations: z.record(z.string(), z.string()),
  /** `payment/place-order/place` → its text. */
  statements: z.record(z.string(), z.string()),
});
export type Release = z.infer<typeof release>;

/** The release that was noted last; before the first one, what is here now. */
export async function previousRelease(): Promise<Release> {
  const note = await readFile(noteFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  return note === undefined ? thisRelease() : release.parse(JSON.parse(note));
}

/** Notes what is here now as the release that the next one will meet. */
export async function noteRelease(): Promise<void> {
  await writeFile(noteFile, `${JSON.stringify(await thisRelease(), null, 2)}\n`);
}

async function thisRelease(): Promise<Release> {
  const migrations = await readMigrations(join(projectFolder, 'schema', 'migrations'));
  const paths = await statementPaths();
  const texts = await Promise.all(paths.map((path) => readFile(join(projectFolder, path), 'utf8')));
  return {
    migrations: Object.fromEntries(migrations.map(({ file, checksum }) => [file, checksum])),
    statements: Object.fromEntries(paths.map((path, at) => [statementName(path), texts[at] ?? ''])),
  };
}
