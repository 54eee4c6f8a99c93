/**
 * The database of an operator's command: the local system's, running or not, or one by its address.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adminUser, startPostgres } from '@restoreclick/local-aws';
import type pg from 'pg';
import { z } from 'zod';
import { runningSystem } from './claim.ts';

const remembered = z.object({ port: z.number(), password: z.string() });

/**
 * @param folder the local system's
 * @param url `postgres://…`; the local system's database when undefined
 * @throws Error in a sentence when there is no such database, or that is no address of one
 * @returns how to connect, and what to end afterwards
 */
export async function operatorsDatabase(
  folder: string,
  url: string | undefined,
): Promise<{ config: pg.PoolConfig; stop(): Promise<void> }> {
  if (url !== undefined && !/^postgres(ql)?:\/\//.test(url))
    throw new Error('--url takes the address of a database: postgres://user:password@host:5432/database');
  if (url !== undefined) return { config: { connectionString: url }, stop: async () => {} };
  const postgresFolder = join(folder, 'postgres');
  const note = join(postgresFolder, 'postgres.json');
  if (!existsSync(note))
    throw new Error('The local system has no database yet: npm start makes it. Another is named by --url.');
  const server = (await runningSystem(folder)) ? undefined : await startPostgres({ folder: postgresFolder });
  const { port, password } = remembered.parse(JSON.parse(await readFile(note, 'utf8')));
  return {
    config: { host: '127.0.0.1', port, user: adminUser, password, database: 'restoreclick' },
    stop: async () => server?.stop(),
  };
}
