/** One local system in a folder: its PostgreSQL, its services, and a note of where they are. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removePostgres, startPostgres } from '@restoreclick/local-aws';
import { claimFolder, inUse, runningSystem } from './claim.ts';
import { type SystemOptions, startSystem } from './system.ts';

type RunOptions = Omit<SystemOptions, 'server' | 'database' | 'assembly'> & {
  /** What runs it, as the developer knows it: `npm start`. */
  by: string;
  /** Makes the cloud assembly if need be, and says where it is. */
  assembly: () => Promise<string>;
  say: (sentence: string) => void;
};

/** Node's word for a port it does not get, in a sentence. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('port' in error)) return error;
  const advice = 'set RESTORECLICK_PORT to the first of six free ports';
  if (error.code === 'EADDRINUSE')
    return new Error(`Port ${error.port} is taken by another program. End that program, or ${advice}.`);
  if (error.code === 'EACCES')
    return new Error(`This user may not use port ${error.port}: ${advice} above 1024.`);
  return error;
}

/** Both at once, since neither needs the other; when one fails, the other is stopped first. */
async function prepare({ assembly, folder, say }: RunOptions) {
  const [built, started] = await Promise.allSettled([
    assembly(),
    startPostgres({ folder: join(folder, 'postgres'), say }),
  ]);
  if (built.status === 'fulfilled' && started.status === 'fulfilled')
    return { assembly: built.value, server: started.value };
  if (started.status === 'fulfilled') await started.value.stop();
  throw built.status === 'rejected'
    ? built.reason
    : started.status === 'rejected'
      ? started.reason
      : undefined;
}

/** @throws Error in a sentence, when another run uses the folder or a port is taken */
export async function run(options: RunOptions) {
  const { folder, by } = options;
  const claim = await claimFolder(folder, by);
  try {
    const { assembly, server } = await prepare(options);
    try {
      const system = await startSystem({ ...options, assembly, server, database: 'restoreclick' });
      await claim.announce(system.urls);
      return {
        ...system,
        async stop() {
          await system.stop();
          await server.stop();
          await claim.release();
        },
      };
    } catch (error) {
      await server.stop();
      throw error;
    }
  } catch (error) {
    await claim.release();
    throw explain(error);
  }
}

/** Removes all that runs in this folder have kept. */
export async function reset(folder: string, say: (sentence: string) => void): Promise<void> {
  const other = await runningSystem(folder);
  if (other) throw new Error(inUse(other));
  await removePostgres(join(folder, 'postgres'), say);
  await rm(folder, { recursive: true, force: true });
}
