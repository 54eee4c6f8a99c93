/** One PostgreSQL data folder: made, served by a process, left clean. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binaries } from './binaries.ts';
import { signal } from './processes.ts';
import { runAs, type SystemUser } from './system-user.ts';

/** The superuser, who is for the local system alone; in Aurora nobody is one. */
export const adminUser = 'postgres';

/** Everything that is run for one data folder. */
export type Cluster = {
  home: string;
  binaries: Binaries;
  user: SystemUser;
  scratch: boolean;
  /** Instead of those below. */
  settings: Record<string, string>;
};

export const dataFolder = (home: string) => join(home, 'data');

/** Programs speak English whatever the machine's language, because their messages are read. */
const environment = { LC_ALL: 'C', TZ: 'UTC' };

/** Makes the data folder, whole or not at all; the password goes by a file that is removed. */
export async function initialise(
  { home, binaries, user, scratch }: Cluster,
  password: string,
): Promise<void> {
  const unfinished = join(home, 'data.new');
  const passwordFile = join(home, 'password.new');
  const own = (path: string) => user && chownSync(path, user.uid, user.gid);
  await rm(unfinished, { recursive: true, force: true });
  try {
    await mkdir(unfinished, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    own(unfinished);
    own(passwordFile);
    const flags = [
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--lc-messages=C',
      '--no-instructions',
    ];
    // The builtin provider sorts by code point, the same on each machine.
    flags.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', ...(scratch ? ['--no-sync'] : []));
    await run(
      binaries.initdb,
      ['-D', unfinished, '-U', adminUser, `--pwfile=${passwordFile}`, ...flags],
      user,
    );
    await rename(unfinished, dataFolder(home));
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    await rm(passwordFile, { force: true });
  }
}

async function run(program: string, args: string[], user: SystemUser): Promise<void> {
  const child = spawn(program, args, { ...runAs(user), env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`PostgreSQL could not make its data folder:\n${said.trim()}`);
}

const localSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // their paths may be too long, and nobody needs them
  timezone: 'UTC',
  log_timezone: 'UTC',
  max_connections: '200',
  shared_buffers: '128MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  jit: 'off',
};
/** For a server whose data nobody misses. */
const scratchSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
};

/**
 * Runs the server until descriptor 3 closes, which it does when its parent ends in any way: no
 * server is left behind. `$0`: a folder to remove afterwards, or empty. Prints the process id.
 */
const guard = `
"$@" 3<&- 1>&2 & server=$!
echo $server; exec >&-
{ read -r _; kill -INT $server; } <&3 2>/dev/null & reader=$!
wait $server; code=$?
kill $reader 2>/dev/null
[ -z "$0" ] || rm -rf "$0"
exit $code`;

export type Serving = { port: number /** Ends the server, waiting for it. */; stop(): Promise<void> };

/** Starts the server and waits until it accepts connections, or throws with the end of its log. */
export async function serve(
  { home, binaries, user, scratch, settings }: Cluster,
  port: number,
): Promise<Serving> {
  const all = { ...localSettings, ...(scratch ? scratchSettings : {}), ...settings, port: String(port) };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const logFile = join(home, 'postgres.log');
  const log = await open(logFile, 'w');
  const args = ['-c', guard, scratch ? home : '', binaries.postgres, '-D', dataFolder(home), ...flags];
  const child = spawn('/bin/sh', args, {
    ...runAs(user),
    env: { ...environment, PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', log.fd, 'pipe'],
    detached: true, // Ctrl-C in the terminal must not end the database before those who use it
  });
  await log.close();
  let running = true;
  const exited = new Promise<unknown>((resolve) => child.once('exit', resolve).once('error', resolve));
  exited.then(() => {
    running = false;
  });
  const pid = await firstNumber(child.stdout);
  while (!(await isReady(home, pid))) {
    if (!running) throw new Error(`PostgreSQL did not start:\n${await endOf(logFile)}`);
    await sleep(15);
  }
  return {
    port,
    async stop() {
      child.stdio[3]?.destroy();
      // It may have ended: its guard removes a large folder for longer than that.
      const impatience = setTimeout(() => signal(pid, 'SIGQUIT'), 10_000);
      await exited;
      clearTimeout(impatience);
    },
  };
}

async function firstNumber(output: Readable | null): Promise<number> {
  for await (const chunk of output ?? []) return Number(chunk);
  return Number.NaN;
}

/** The last line of its pid file says so; a killed server's file names another process. */
async function isReady(home: string, pid: number): Promise<boolean> {
  const lines = await pidFile(home);
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

async function endOf(logFile: string): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-5).join('\n');
}

/** The lines of postmaster.pid, if it is there: process, data folder, …, port, …, state. */
export async function pidFile(home: string): Promise<string[]> {
  const text = await readFile(join(dataFolder(home), 'postmaster.pid'), 'utf8').catch(() => '');
  return text === '' ? [] : text.split('\n');
}
