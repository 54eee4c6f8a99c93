/**
 * npm run demo: a customer's order from upload to download, through a running system, or through
 * one of its own.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { agePhoto } from '../demo/age-photo.ts';
import { type Photo, readPhoto } from '../demo/customer.ts';
import { runOrder } from '../demo/order.ts';
import { freshAssembly } from '../lib/fresh-assembly.ts';
import { runningSystem } from '../local/claim.ts';
import { portsFrom } from '../local/ports.ts';
import { run } from '../local/run.ts';

const project = join(import.meta.dirname, '..');
const folder = join(project, '.local');
const samples = join(project, 'demo', 'photos');
/** npm runs its scripts in the project's folder, wherever it was called. */
const callersFolder = process.env.INIT_CWD ?? process.cwd();
const by = 'npm run demo';
const say = (line: string) => console.log(line);

/**
 * The sample photographs, aged by a seeded program, because clean ones leave nothing to restore.
 */
async function agedSamples(): Promise<Photo[]> {
  const names = (await readdir(samples)).filter((name) => /\.(jpg|png)$/.test(name)).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const { bytes } = await readPhoto(join(samples, name));
      return {
        name: name.replace(/\.\w+$/, '.jpg'),
        type: 'image/jpeg',
        bytes: await agePhoto(bytes, 1900 + index),
      };
    }),
  );
}

/**
 * The addresses of a system that runs here, once it is up. Another demo's goes when that ends, so
 * its end is waited for.
 */
async function runningUrls(): Promise<Record<string, string> | undefined> {
  for (let told = false; ; told = true) {
    const other = await runningSystem(folder);
    if (!other || (other.urls && other.by !== by)) return other?.urls;
    if (!told)
      say(other.by === by ? 'Waiting for another demo to end …' : 'Waiting until npm start is ready …');
    await pause(200);
  }
}

/** The running system's addresses, or those of one that lives as long as the demo. */
async function system() {
  const urls = await runningUrls();
  if (urls) return { urls, stop: async () => {} };
  say('Starting the system …');
  const began = performance.now();
  const log = (source: string, line: string) => {
    if (process.env.RESTORECLICK_LOG) say(`[${source}] ${line}`);
  };
  const own = await run({
    by,
    assembly: async () => (await freshAssembly(folder, () => say('Building and synthesizing …'))).assembly,
    folder,
    ports: portsFrom(process.env.RESTORECLICK_PORT),
    say,
    log,
  });
  say(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return own;
}

async function demo() {
  const given = process.argv.slice(2);
  const option = given.find((word) => word.startsWith('-'));
  if (option) throw new Error(`There is no option ${option}: the demo takes photos, or nothing.`);
  const photos =
    given.length > 0
      ? await Promise.all(given.map((path) => readPhoto(resolve(callersFolder, path))))
      : await agedSamples();
  const { urls, stop } = await system();
  try {
    const { api = '', mailbox = '', restorations = '' } = urls;
    await runOrder({ api, mailbox, restorations }, photos, join(callersFolder, 'restored'));
  } finally {
    await stop();
  }
}

try {
  await demo();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  if (process.env.RESTORECLICK_LOG) console.error(error);
  process.exit(1); // what had begun to listen when it failed would keep the program alive
}
