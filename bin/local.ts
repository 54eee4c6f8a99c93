/**
 * npm start: the whole system on this machine, until Ctrl-C. `npm start -- --inspect
 * store-restored` opens one Lambda to a debugger.
 */
import { join } from 'node:path';
import { freshAssembly } from '../lib/fresh-assembly.ts';
import { places } from '../local/home.ts';
import { portsFrom } from '../local/ports.ts';
import { run } from '../local/run.ts';
import { readOptions } from './command-line.ts';

const folder = join(import.meta.dirname, '..', '.local');
const say = (line: string) => console.log(line);

const usage =
  'npm start takes two options: -- --verbose prints all that the functions log, -- --inspect <step> opens one of them to a debugger.';

const options = () =>
  readOptions({ inspect: { type: 'string' }, verbose: { type: 'boolean', short: 'v' } }, usage);

async function assembly(): Promise<string> {
  const made = await freshAssembly(folder, () => say('Building and synthesizing …'));
  return made.assembly;
}

async function start() {
  const began = performance.now();
  const { inspect, verbose } = options();
  const system = await run({
    by: 'npm start',
    assembly,
    folder,
    ports: portsFrom(process.env.RESTORECLICK_PORT),
    environment: process.env,
    say,
    ...(inspect ? { inspect: { name: inspect, port: 9229 } } : {}),
    log: (source, line) => {
      if (verbose || /"level":"(warn|error)"|rror/.test(line)) say(`[${source}] ${line}`);
    },
  });
  say(`RestoreClick is ready after ${((performance.now() - began) / 1000).toFixed(1)} s:\n`);
  const shown = places(system.urls);
  const width = Math.max(...shown.map(({ url }) => url.length));
  for (const { name, url, purpose } of shown) say(`   ${name.padEnd(12)}  ${url.padEnd(width)}  ${purpose}`);
  say('\n   Take an order through it with: npm run demo      End with Ctrl-C.');
  const stop = async () => {
    say('\nStopping …');
    process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop);
    await system.stop();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
}

try {
  await start();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1); // what had begun to listen when it failed would keep the program alive
}
