/** Finds the statements of the steps, and says what their type files should hold. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Login, PgAddress } from '@restoreclick/local-aws';
import pg from 'pg';
import { declareStatement } from './declare.ts';

const projectFolder = join(import.meta.dirname, '..', '..');

/** `place.sql` → `place.d.sql.ts`, beside it. */
const typesFile = (path: string) => path.replace(/\.sql$/, '.d.sql.ts');

export type TypesFile = { path: string; text: string } | { path: string; error: Error };

/**
 * The type file of each `lambdas/<flow>/<step>/<statement>.sql`, as it should be.
 * @param database one with all migrations applied
 * @param user whose search path and rights the statements need: all the steps'
 */
export async function statementTypes(server: PgAddress, database: string, user: Login): Promise<TypesFile[]> {
  const { host, port } = server;
  const client = new pg.Client({ host, port, database, user: user.username, password: user.password });
  await client.connect();
  try {
    const files: TypesFile[] = [];
    for (const path of await statementPaths()) {
      const sql = await readFile(join(projectFolder, path), 'utf8');
      files.push(
        await declareStatement(client, path, sql).then(
          (text) => ({ path: join(projectFolder, typesFile(path)), text }),
          (error: Error) => ({ path: join(projectFolder, typesFile(path)), error }),
        ),
      );
    }
    return files;
  } finally {
    await client.end();
  }
}

/** Relative to the project, sorted. */
export async function statementPaths(): Promise<string[]> {
  const found = await readdir(join(projectFolder, 'lambdas'), { recursive: true });
  return found
    .filter((path) => path.endsWith('.sql') && path.split(/[\\/]/).length === 3)
    .map((path) => join('lambdas', path))
    .sort();
}
