import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  binaries,
  isRunning,
  type PgAddress,
  packagedFolder,
  type RunningPostgres,
  removePostgres,
  repairLinks,
  serverAt,
  startPostgres,
  systemUser,
} from '../postgres/index.ts';

const asRoot = process.getuid?.() === 0 ? test : test.skip;

let place: string;
let folder: string;
let said: string[];
let running: RunningPostgres[];
let programs: ChildProcess[];
const say = (sentence: string) => void said.push(sentence);

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'postgres-test-'));
  await chmod(place, 0o755);
  folder = join(place, 'data of mine');
  said = [];
  running = [];
  programs = [];
});
afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  for (const program of programs.filter(
    ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
  )) {
    program.kill('SIGKILL');
    await once(program, 'exit');
  }
  await removePostgres(folder, say);
  await rm(place, { recursive: true, force: true });
});

async function start(options: Partial<Parameters<typeof startPostgres>[0]> = {}) {
  const server = await startPostgres({ folder, say, ...options });
  running.push(server);
  return server;
}

type Program = PgAddress & { home: string; child: ChildProcess };

/** Starts PostgreSQL from another process, which a test can kill. */
async function startProgram(options: { uid?: number; gid?: number } = {}): Promise<Program> {
  const script = join(import.meta.dirname, 'postgres-program.ts');
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, folder], {
    ...options,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  programs.push(child);
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`The program ended with ${code}.`);
  });
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), exited]);
  exited.catch(() => undefined);
  return { ...JSON.parse(line), host: '127.0.0.1', child };
}

async function query(server: PgAddress, sql: string) {
  const pool = serverAt(server).pool('postgres');
  return (await pool.query(sql).finally(() => pool.end())).rows;
}

const postmaster = async (home: string) =>
  Number((await readFile(join(home, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);

async function untilGone(pid: number) {
  while (isRunning(pid)) await new Promise(setImmediate);
}

describe('PostgreSQL in a folder', () => {
  test('keeps data and port between runs, and waits for the disk', async () => {
    const first = await start();
    await query(first, `create table kept as select 'ä' as letter`);
    await first.stop();
    const second = await start();
    expect(second.port).toBe(first.port);
    await expect(
      query(
        second,
        `select letter, upper(letter) as upper, current_setting('fsync') as fsync, current_setting('timezone') as zone,
         current_setting('lc_messages') as messages, current_setting('server_version') as version from kept`,
      ),
    ).resolves.toEqual([
      {
        letter: 'ä',
        upper: 'Ä',
        fsync: 'on',
        zone: 'UTC',
        messages: 'C',
        version: expect.stringMatching(/^17\.9/),
      },
    ]);
    expect(said).toEqual(expect.not.arrayContaining([expect.stringContaining('killed')]));
  });

  test('takes another port when its own is taken, unless it was asked for by number', async () => {
    const first = await start();
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    await once(squatter, 'listening');
    await expect(start({ port: first.port })).rejects.toThrow('Address already in use');
    const second = await start();
    expect(second.port).not.toBe(first.port);
    squatter.close();
  });

  test('is refused to a second run while the first one lives', async () => {
    const { child } = await startProgram();
    await expect(start()).rejects.toThrow(`in use by another run (process ${child.pid})`);
  });

  test('ends with the program that is killed, and the next run recovers what was committed', async () => {
    const killed = await startProgram();
    await query(killed, 'create table kept as select 1 as n');
    const pid = await postmaster(killed.home);
    killed.child.kill('SIGKILL');
    await untilGone(pid);
    await expect(query(await start(), 'select n from kept')).resolves.toEqual([{ n: 1 }]);
  });

  test('recovers when it was killed itself', async () => {
    const killed = await startProgram();
    await query(killed, 'create table kept as select 1 as n');
    process.kill(await postmaster(killed.home), 'SIGKILL');
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    await expect(query(await start(), 'select n from kept')).resolves.toEqual([{ n: 1 }]);
    expect(said).toContain('The last run was killed; PostgreSQL recovers what it had committed.');
  });

  test('that outlived its program is stopped first', async () => {
    const killed = await startProgram();
    await query(killed, 'create table kept as select 1 as n');
    const pid = await postmaster(killed.home);
    for (const guard of guardsOf(pid)) process.kill(guard, 'SIGKILL');
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    await expect(query(await start(), 'select n from kept')).resolves.toEqual([{ n: 1 }]);
    expect(said).toContain(`PostgreSQL of a killed run (process ${pid}) still runs; it is stopped first.`);
  });

  test("is not confused by a pid file whose number is another program's by now", async () => {
    const first = await start();
    await first.stop();
    await writeFile(join(first.home, 'data', 'postmaster.pid'), `${process.pid}\n${first.home}/data\n`);
    await expect(query(await start(), 'select 1 as n')).resolves.toEqual([{ n: 1 }]);
  });

  test('leaves nothing half made when it cannot be made', async () => {
    await mkdir(join(folder, 'data', 'something'), { recursive: true });
    await expect(start()).rejects.toThrow();
    expect((await readdir(folder)).sort()).toEqual(['data']);
  });

  test('goes whole when it is removed', async () => {
    const server = await start();
    await server.stop();
    await removePostgres(folder, say);
    expect(existsSync(join(server.home, 'data'))).toBe(false);
    expect(existsSync(folder) ? await readdir(folder) : []).toEqual([]);
  });

  asRoot('whose user cannot enter it has its data elsewhere, says so, and finds it again', async () => {
    await chmod(place, 0o700);
    const first = await start();
    expect(first.home.startsWith(place)).toBe(false);
    expect(said).toEqual([expect.stringContaining(first.home)]);
    await query(first, 'create table kept as select 1 as n');
    await first.stop();
    const second = await start();
    expect(second.home).toBe(first.home);
    await expect(query(second, 'select n from kept')).resolves.toEqual([{ n: 1 }]);
    await second.stop();
    await removePostgres(folder, say);
    expect(existsSync(first.home)).toBe(false);
  });

  asRoot('works for those who are not root, too', async () => {
    const [uid, gid] = [65534, 65534];
    await mkdir(folder);
    await chown(folder, uid, gid);
    const program = await startProgram({ uid, gid });
    expect(program.home).toBe(folder);
    await expect(query(program, 'select 1 as n')).resolves.toEqual([{ n: 1 }]);
    program.child.stdin?.write('stop');
    await once(program.child, 'exit');
  });
});

test('a scratch server never waits for the disk, and leaves no trace', async () => {
  const server = await startPostgres();
  await expect(query(server, `select current_setting('fsync') as fsync`)).resolves.toEqual([
    { fsync: 'off' },
  ]);
  await server.stop();
  expect(existsSync(server.home)).toBe(false);
});

test('a scratch server whose data takes long to remove is no longer told to hurry when it has ended', async () => {
  const path = process.env.PATH;
  const fifo = join(place, 'fifo');
  execFileSync('mkfifo', ['-m', '666', fifo]);
  await writeFile(join(place, 'rm'), `#!/bin/sh\nread -r _ < '${fifo}'\nPATH='${path}' exec rm "$@"\n`, {
    mode: 0o755,
  });
  process.env.PATH = `${place}:${path}`;
  const server = await startPostgres().finally(() => {
    process.env.PATH = path;
  });
  const pid = await postmaster(server.home);
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance'] });
  const stopped = server.stop();
  try {
    await untilGone(pid);
    expect(() => jest.advanceTimersByTime(60_000)).not.toThrow();
    expect(existsSync(server.home)).toBe(true);
  } finally {
    jest.useRealTimers();
    await writeFile(fifo, '\n');
    await stopped;
  }
  expect(existsSync(server.home)).toBe(false);
});

describe('the programs', () => {
  test('get the links that a skipped install script did not make', async () => {
    const native = join(place, 'native');
    await mkdir(join(native, 'lib'), { recursive: true });
    await writeFile(join(native, 'lib', 'libicuuc.so.60.2'), 'library');
    const link = (target: string) => ({
      source: 'native/lib/libicuuc.so.60.2',
      target: `native/lib/${target}`,
    });
    await writeFile(
      join(native, 'pg-symlinks.json'),
      JSON.stringify([link('libicuuc.so'), link('libicuuc.so.60')]),
    );
    await symlink('libicuuc.so.60.2', join(native, 'lib', 'libicuuc.so'));
    await repairLinks(native);
    await expect(readFile(join(native, 'lib', 'libicuuc.so.60'), 'utf8')).resolves.toBe('library');
  });

  asRoot('are copied to where they can be run, and then work', async () => {
    const installed = join(place, 'home');
    await mkdir(installed, { mode: 0o700 });
    await cp(packagedFolder(), join(installed, 'native'), { recursive: true, verbatimSymlinks: true });
    await unlink(join(installed, 'native', 'lib', 'libicuuc.so.60'));
    await mkdir(folder);
    const user = systemUser(join(folder, 'data'));
    const { postgres } = await binaries(folder, user, join(installed, 'native'));
    expect(postgres).toBe(join(folder, 'native', 'bin', 'postgres'));
    const ids = user ? { uid: user.uid, gid: user.gid } : {};
    expect(execFileSync(postgres, ['--version'], { ...ids, cwd: '/', encoding: 'utf8' })).toContain('17.9');
    await rm(join(folder, 'native'), { recursive: true });
  });
});

/**
 * The shell that guards the server, and its reader: the parent of the server and that parent's
 * other child.
 */
function guardsOf(server: number): number[] {
  const all = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const shell = all.find(([pid]) => pid === server)?.[1];
  const reader = all.find(([pid, parent]) => parent === shell && pid !== server)?.[0];
  if (shell === undefined || reader === undefined) throw new Error('The server has no guard.');
  return [shell, reader];
}
