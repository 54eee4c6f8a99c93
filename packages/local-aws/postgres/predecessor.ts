/** What an earlier run may have left: a pid file of a killed server, or one that still runs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataFolder, pidFile } from './cluster.ts';
import { isRunning, signal } from './processes.ts';

/**
 * Makes sure that no server uses the data folder, or throws if a living program does.
 * @param owner process id of the program that started the last server
 * @param say tells the developer, in a sentence, what was found and done
 */
export async function settlePredecessor(
  home: string,
  owner: number | undefined,
  say: (sentence: string) => void,
): Promise<void> {
  const pid = Number((await pidFile(home))[0]);
  if (!pid) return;
  if (!isRunning(pid)) return say('The last run was killed; PostgreSQL recovers what it had committed.');
  if (!isPostgres(pid, dataFolder(home))) {
    // The number is another program's by now, which PostgreSQL would take for a server.
    await rm(join(dataFolder(home), 'postmaster.pid'));
    return say('The last run was killed; PostgreSQL recovers what it had committed.');
  }
  if (owner !== undefined && isRunning(owner)) {
    throw new Error(`${home} is in use by another run (process ${owner}). Stop that one first.`);
  }
  say(`PostgreSQL of a killed run (process ${pid}) still runs; it is stopped first.`);
  signal(pid, 'SIGINT');
  if (await ended(pid, 10_000)) return;
  signal(pid, 'SIGQUIT');
  if (!(await ended(pid, 5_000)))
    throw new Error(`PostgreSQL of a killed run (process ${pid}) does not stop.`);
}

function isPostgres(pid: number, data: string): boolean {
  return commandOf(pid).includes(data);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    try {
      return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
    } catch {
      return '';
    }
  }
}

async function ended(pid: number, ms: number): Promise<boolean> {
  for (const until = Date.now() + ms; Date.now() < until; await sleep(20)) {
    if (!isRunning(pid)) return true;
  }
  return false;
}
