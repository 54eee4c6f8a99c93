/** One local system in a folder: its PostgreSQL, its services, and a note of where they are for who comes later. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { removePostgres, startPostgres } from './postgres/start.ts';
import { type Ports, type SystemOptions, startSystem } from './system.ts';

/** One above the other, so that they are easy to remember. */
export const usualPorts: Ports = {
  home: 4700,
  api: 4701,
  mailbox: 4702,
  stripe: 4703,
  replicate: 4704,
  aws: 4705,
};

/**
 * @param first the lowest of the six, as a person gave it; the usual ones without it
 * @throws Error in a sentence when it is no port with five above it
 */
export function portsFrom(first: string | undefined): Ports {
  const lowest = first === undefined ? usualPorts.home : Number(first);
  if (!Number.isInteger(lowest) || lowest < 1 || lowest > 65_530)
    throw new Error(`RESTORECLICK_PORT is "${first}"; it is to be a number from 1 to 65530.`);
  const moved = (port: number) => lowest + port - usualPorts.home;
  const { home, api, mailbox, stripe, replicate, aws } = usualPorts;
  return {
    home: moved(home),
    api: moved(api),
    mailbox: moved(mailbox),
    stripe: moved(stripe),
    replicate: moved(replicate),
    aws: moved(aws),
  };
}

const running = z.object({ pid: z.number(), urls: z.record(z.string(), z.string()) });
export type Running = z.infer<typeof running>;

const note = (folder: string) => join(folder, 'running.json');

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The system that runs in this folder, if one does. A killed one leaves its note behind, but not its process. */
export async function runningSystem(folder: string): Promise<Running | undefined> {
  const text = await readFile(note(folder), 'utf8').catch(() => undefined);
  const found = text === undefined ? undefined : running.safeParse(JSON.parse(text)).data;
  return found && isAlive(found.pid) ? found : undefined;
}

type RunOptions = Omit<SystemOptions, 'server' | 'database'> & { say: (sentence: string) => void };

/** Node's word for a taken port, in a sentence. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EADDRINUSE' || !('port' in error))
    return error;
  return new Error(
    `Port ${error.port} is taken by another program. End that program, or set RESTORECLICK_PORT to the first of six free ports.`,
  );
}

/** @throws Error in a sentence, when another run uses the folder or a port is taken */
export async function run({ say, ...options }: RunOptions) {
  const { folder } = options;
  const other = await runningSystem(folder);
  if (other)
    throw new Error(
      `RestoreClick runs already (process ${other.pid}): ${other.urls.home}. End it first, with Ctrl-C where it was started.`,
    );
  await mkdir(folder, { recursive: true });
  const server = await startPostgres({ folder: join(folder, 'postgres'), say });
  try {
    const system = await startSystem({ ...options, server, database: 'restoreclick' });
    await writeFile(note(folder), JSON.stringify({ pid: process.pid, urls: system.urls }));
    return {
      ...system,
      async stop() {
        await rm(note(folder), { force: true });
        await system.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw explain(error);
  }
}

/** Removes all that runs in this folder have kept. */
export async function reset(folder: string, say: (sentence: string) => void): Promise<void> {
  const other = await runningSystem(folder);
  if (other)
    throw new Error(
      `RestoreClick is running (process ${other.pid}). End it first, with Ctrl-C where it was started.`,
    );
  await removePostgres(join(folder, 'postgres'), say);
  await rm(folder, { recursive: true, force: true });
}
