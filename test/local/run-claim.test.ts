/** Who may run in a system's folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { claimFolder, runningSystem } from '../../local/claim.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'claim-'));
});
afterEach(() => rm(folder, { recursive: true }));

const leave = (what: unknown) =>
  writeFile(join(folder, 'running.json'), typeof what === 'string' ? what : JSON.stringify(what));

async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('a folder', () => {
  test('is one program’s, which is named while it starts and has an address once it is up', async () => {
    const claim = await claimFolder(folder, 'npm start');
    await expect(claimFolder(folder, 'npm run demo')).rejects.toThrow(
      `is just being started (npm start, process ${process.pid})`,
    );
    await claim.announce({ home: 'http://127.0.0.1:1' });
    await expect(claimFolder(folder, 'npm run demo')).rejects.toThrow('runs already at http://127.0.0.1:1');
    expect(await runningSystem(folder)).toMatchObject({
      by: 'npm start',
      urls: { home: 'http://127.0.0.1:1' },
    });
  });

  test('is free again afterwards, and nothing is left in it', async () => {
    await (await claimFolder(folder, 'npm start')).release();
    expect(await runningSystem(folder)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  test('goes to one of many who ask at once', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => claimFolder(folder, 'npm start')));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('of a killed program is free', async () => {
    await leave({ pid: await endedProcess(), by: 'npm start' });
    expect(await runningSystem(folder)).toBeUndefined();
    await claimFolder(folder, 'npm run demo');
    expect(await runningSystem(folder)).toMatchObject({ pid: process.pid, by: 'npm run demo' });
  });

  test('of a killed program is free though its number is another’s by now', async () => {
    await leave({ pid: process.pid, born: '1', by: 'npm start' });
    expect(await runningSystem(folder)).toBeUndefined();
  });

  test.each(['', '{"pid":', '[]'])('with a note that reads %p is free', async (text) => {
    await leave(text);
    await claimFolder(folder, 'npm start');
    expect(await runningSystem(folder)).toMatchObject({ pid: process.pid });
  });
});
