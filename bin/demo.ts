/** npm run demo: a customer's order from upload to download, through a running system, or through one of its own. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { agePhoto } from '../demo/age-photo.ts';
import { type Photo, readPhoto } from '../demo/customer.ts';
import { runOrder } from '../demo/order.ts';
import { freshAssembly } from '../lib/fresh-assembly.ts';
import { portsFrom, run, runningSystem } from '../local/run.ts';

const project = join(import.meta.dirname, '..');
const folder = join(project, '.local');
const samples = join(project, 'demo', 'photos');
const say = (line: string) => console.log(line);

/** The sample photographs, aged by a seeded program, because clean ones leave nothing to restore. */
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

/** The running system's addresses, or those of one that lives as long as the demo. */
async function system() {
  const running = await runningSystem(folder);
  if (running) return { urls: running.urls, stop: async () => {} };
  say('Starting the system …');
  const began = performance.now();
  const { assembly } = await freshAssembly(folder);
  const log = (source: string, line: string) => {
    if (process.env.RESTORECLICK_LOG) say(`[${source}] ${line}`);
  };
  const own = await run({ assembly, folder, ports: portsFrom(process.env.RESTORECLICK_PORT), say, log });
  say(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return own;
}

async function demo() {
  const given = process.argv.slice(2);
  const photos = given.length > 0 ? await Promise.all(given.map(readPhoto)) : await agedSamples();
  const { urls, stop } = await system();
  try {
    const { api = '', mailbox = '' } = urls;
    await runOrder({ api, mailbox }, photos, join(process.cwd(), 'restored'));
  } finally {
    await stop();
  }
}

try {
  await demo();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  if (process.env.RESTORECLICK_LOG) console.error(error);
  process.exitCode = 1;
}
