/** The assembly that the local system runs: built again only when a source of it has changed. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const projectFolder = join(import.meta.dirname, '..');

/** All that an assembly is made of. */
const sources = ['lambdas', 'lib', 'schema', 'packages/data-api', 'package-lock.json', 'package.json'];

async function filesBelow(source: string): Promise<string[]> {
  const path = join(projectFolder, source);
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (!entries) return [path];
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of sources) {
    for (const path of (await filesBelow(source)).sort())
      hash.update(path.slice(projectFolder.length)).update(await readFile(path));
  }
  return hash.digest('hex');
}

export type FreshAssembly = {
  /** Absolute path of the cloud assembly. */
  assembly: string;
  /** False when the last one would do. */
  built: boolean;
};

/**
 * For one caller at a time.
 * @param folder where bundles and assembly lie; made if it is not there
 * @param onBuild called before the seconds that building takes
 */
export async function freshAssembly(folder: string, onBuild = () => {}): Promise<FreshAssembly> {
  // As deep as the bundles lie: from its copies, too, a source map finds its way to the sources.
  const assembly = join(folder, 'synthesized', 'assembly');
  const stamp = join(folder, 'assembly.sha256');
  const now = await fingerprint();
  const last = await readFile(stamp, 'utf8').catch(() => '');
  if (last === now && existsSync(join(assembly, 'manifest.json'))) return { assembly, built: false };
  onBuild();
  await rm(assembly, { recursive: true, force: true });
  await rm(stamp, { force: true });
  // Loaded only when needed: the CDK alone takes seconds.
  const [{ buildBundles }, { synthesize }] = await Promise.all([import('./bundles.ts'), import('./app.ts')]);
  const bundles = join(folder, 'bundles');
  await buildBundles(bundles);
  synthesize({ outdir: assembly, environment: 'local', bundles, fast: true });
  await writeFile(stamp, now);
  return { assembly, built: true };
}
