/** npm start: the whole system on this machine, until Ctrl-C. `npm start -- --inspect store-restored` opens one Lambda to a debugger. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freshAssembly } from '../lib/fresh-assembly.ts';
import { portsFrom, run } from '../local/run.ts';

const folder = join(import.meta.dirname, '..', '.local');
const say = (line: string) => console.log(line);

async function start() {
  const began = performance.now();
  const { values } = parseArgs({
    options: { inspect: { type: 'string' }, verbose: { type: 'boolean', short: 'v' } },
  });
  const { assembly, built } = await freshAssembly(folder);
  if (built) say('Built and synthesized.');
  const system = await run({
    assembly,
    folder,
    ports: portsFrom(process.env.RESTORECLICK_PORT),
    say,
    ...(values.inspect ? { inspect: { name: values.inspect, port: 9229 } } : {}),
    log: (source, line) => {
      if (values.verbose || /"level":"(warn|error)"|rror/.test(line)) say(`[${source}] ${line}`);
    },
  });
  say(`RestoreClick is ready after ${((performance.now() - began) / 1000).toFixed(1)} s:\n`);
  for (const [name, url] of Object.entries(system.urls)) say(`   ${name.padEnd(13)} ${url}`);
  say('\n   Take an order through it with: npm run demo      End with Ctrl-C.');
  const stop = async () => {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await system.stop();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
}

try {
  await start();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
