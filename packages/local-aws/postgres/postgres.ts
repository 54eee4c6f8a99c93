/** Starts PostgreSQL for the local system: its data in a folder that is kept, or in none. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { binaries } from './binaries.ts';
import { adminUser, type Cluster, dataFolder, initialise, type Serving, serve } from './cluster.ts';
import { settlePredecessor } from './predecessor.ts';
import { type PgServer, serverAt } from './server.ts';
import { canReach, giveTo, systemUser } from './system-user.ts';

export type RunningPostgres = PgServer & {
  /** Where the data is: below `folder`, unless PostgreSQL's user cannot get there. */
  readonly home: string;
  /** Ends the pools and the server, and waits for both. */
  stop(): Promise<void>;
};

/** What is remembered in `folder` between runs, as postgres.json. */
const remembered = z.object({
  /** Where the data is, if not here. */
  elsewhere: z.string().optional(),
  port: z.number(),
  password: z.string(),
  owner: z.number().optional(),
});
type Remembered = z.infer<typeof remembered>;

const memory = (folder: string) => join(folder, 'postgres.json');

/**
 * @param folder keeps data, port and password between runs; without it the server never waits for
 *   the disk, and is gone without trace when stopped or when this process ends
 * @param port a free one by default, the same again on the next run if it is still free
 * @param settings PostgreSQL's own, instead of the local system's: `{ shared_buffers: '1GB' }`
 * @param say tells the developer what is unusual, in a sentence
 */
export async function startPostgres({
  folder,
  port,
  settings = {},
  say = console.warn,
}: {
  folder?: string;
  port?: number;
  settings?: Record<string, string>;
  say?: (sentence: string) => void;
} = {}): Promise<RunningPostgres> {
  const last = folder === undefined ? undefined : await recall(folder);
  const home = await homeFor(folder, last, say);
  const scratch = folder === undefined;
  try {
    if (!scratch) await settlePredecessor(home, last?.owner, say);
    const user = systemUser(dataFolder(home));
    const cluster: Cluster = { home, user, scratch, settings, binaries: await binaries(home, user) };
    const password = last?.password ?? randomBytes(18).toString('base64url');
    if (!existsSync(join(dataFolder(home), 'PG_VERSION'))) await initialise(cluster, password);
    const serving = await servePatiently(cluster, port ?? last?.port, port === undefined);
    if (folder !== undefined) {
      const elsewhere = home === folder ? {} : { elsewhere: home };
      await remember(folder, { ...elsewhere, port: serving.port, password, owner: process.pid });
    }
    return running(home, serving, password, scratch);
  } catch (error) {
    if (scratch) await rm(home, { recursive: true, force: true });
    throw error;
  }
}

function running(home: string, serving: Serving, password: string, scratch: boolean): RunningPostgres {
  const server = serverAt({ host: '127.0.0.1', port: serving.port, adminUser, adminPassword: password });
  return {
    ...server,
    home,
    async stop() {
      // A client that was never released must not hold this up.
      await Promise.race([server.close(), sleep(2_000, undefined, { ref: false })]);
      await serving.stop();
      if (scratch) await rm(home, { recursive: true, force: true });
    },
  };
}

/** Removes all that `startPostgres` keeps for the folder; stops a server that a killed run left. */
export async function removePostgres(
  folder: string,
  say: (sentence: string) => void = console.warn,
): Promise<void> {
  const last = await recall(folder);
  if (!last) return;
  const home = last.elsewhere ?? folder;
  await settlePredecessor(home, last.owner, say);
  for (const part of ['data', 'native', 'postgres.log']) {
    await rm(join(home, part), { recursive: true, force: true });
  }
  if (last.elsewhere !== undefined) await rm(last.elsewhere, { recursive: true, force: true });
  await rm(memory(folder));
}

async function recall(folder: string): Promise<Remembered | undefined> {
  const text = await readFile(memory(folder), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : remembered.parse(JSON.parse(text));
}

async function remember(folder: string, what: Remembered): Promise<void> {
  await writeFile(memory(folder), `${JSON.stringify(what, undefined, 2)}\n`, { mode: 0o600 });
}

/**
 * The port may be taken by now, and processes of a killed server may linger for a moment.
 * @param mayMove whether another port will do
 */
async function servePatiently(
  cluster: Cluster,
  wanted: number | undefined,
  mayMove: boolean,
): Promise<Serving> {
  let port = wanted ?? (await freePort());
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await serve(cluster, port);
    } catch (error) {
      const said = error instanceof Error ? error.message : '';
      const taken = /Address already in use/.test(said);
      if (attempt === 20 || !(taken ? mayMove : /still in use/.test(said))) throw error;
      if (taken) port = await freePort();
      else await sleep(500);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('No free port.');
  return address.port;
}

/** The folder itself, if PostgreSQL's user can enter it; for root perhaps another, remembered. */
async function homeFor(
  folder: string | undefined,
  last: Remembered | undefined,
  say: (sentence: string) => void,
): Promise<string> {
  if (last?.elsewhere !== undefined && existsSync(last.elsewhere)) return last.elsewhere;
  const user = systemUser('');
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true });
    if (canReach(folder, user)) return folder;
  }
  const elsewhere = await mkdtemp(join(folder === undefined ? tmpdir() : '/var/tmp', 'local-postgres-'));
  giveTo(user, elsewhere);
  if (!canReach(elsewhere, user))
    throw new Error(`PostgreSQL's user ${user?.name} cannot enter ${elsewhere}.`);
  if (folder !== undefined)
    say(`PostgreSQL's user ${user?.name} cannot enter ${folder}: its data is in ${elsewhere}.`);
  return elsewhere;
}
