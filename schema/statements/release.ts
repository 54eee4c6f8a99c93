/** The release that runs while the next one is deployed: its migrations, and the statements that must bear the next one's. */
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

export async function previousRelease(): Promise<Release> {
  return release.parse(JSON.parse(await readFile(noteFile, 'utf8')));
}

/** Notes what is here now as the release that the next one will meet. */
export async function noteRelease(): Promise<void> {
  const migrations = await readMigrations(join(projectFolder, 'schema', 'migrations'));
  const paths = await statementPaths();
  const texts = await Promise.all(paths.map((path) => readFile(join(projectFolder, path), 'utf8')));
  const note: Release = {
    migrations: Object.fromEntries(migrations.map(({ file, checksum }) => [file, checksum])),
    statements: Object.fromEntries(paths.map((path, at) => [statementName(path), texts[at] ?? ''])),
  };
  await writeFile(noteFile, `${JSON.stringify(note, null, 2)}\n`);
}
