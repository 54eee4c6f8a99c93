/** Bundles `lambdas/<flow>/<step>/handler.ts` to `<folder>/<flow>/<step>/index.mjs`, by esbuild. */
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { sqlModule } from '../schema/sql/module.js';

export type Bundle = {
  /** Flow and step: `payment/place-order`. */
  step: string;
  /** Of the code, without its source map. */
  bytes: number;
};

const projectFolder = join(import.meta.dirname, '..');
const migrationStep = 'operations/migrate';

/** A step's statements are modules to it. */
const sqlFiles: Plugin = {
  name: 'sql files',
  setup({ onLoad }) {
    onLoad({ filter: /\.sql$/ }, async ({ path }) => ({
      contents: sqlModule(path, await readFile(path, 'utf8')),
      loader: 'js',
    }));
  },
};

/** zod's messages in fifty languages are 250 kB a bundle; English it imports by itself. */
const oneLanguage: Plugin = {
  name: 'one language',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({ contents: 'export {};' }));
  },
};

/** CommonJS dependencies call `require` for Node's modules, which an ES module has not. */
const requireForDependencies =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * @param folder where the bundles go; what no longer has a handler is removed from it
 * @returns the bundles, by step
 */
export async function buildBundles(folder = join(projectFolder, 'dist', 'lambdas')): Promise<Bundle[]> {
  const steps = await stepsWithHandlers();
  await removeStale(folder, steps);
  await build({
    absWorkingDir: projectFolder,
    entryPoints: steps.map((step) => ({ in: `lambdas/${step}/handler.ts`, out: `${step}/index` })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'], // ES modules lose what is not used: a sixth of each bundle
    minify: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    banner: { js: requireForDependencies },
    loader: { '.html': 'text', '.txt': 'text', '.mustache': 'text' },
    plugins: [sqlFiles, oneLanguage],
    logLevel: 'error',
  });
  if (steps.includes(migrationStep)) await copyMigrations(join(folder, migrationStep, 'migrations'));
  return Promise.all(
    steps.map(async (step) => ({ step, bytes: (await stat(join(folder, step, 'index.mjs'))).size })),
  );
}

/** `payment/place-order` for every `lambdas/payment/place-order/handler.ts`, sorted. */
export function stepsWithHandlers(): Promise<string[]> {
  return stepsBelow(join(projectFolder, 'lambdas'), 'handler.ts');
}

/** The two folders above each file of that name, three levels down. */
async function stepsBelow(folder: string, file: string): Promise<string[]> {
  const paths = await readdir(folder, { recursive: true });
  return paths
    .map((path) => path.replaceAll(sep, '/').split('/'))
    .filter((parts) => parts.length === 3 && parts[2] === file)
    .map(([flow, step]) => `${flow}/${step}`)
    .sort();
}

async function removeStale(folder: string, steps: string[]): Promise<void> {
  const built = existsSync(folder) ? await stepsBelow(folder, 'index.mjs') : [];
  const stale = built.filter((step) => !steps.includes(step));
  await Promise.all(stale.map((step) => rm(join(folder, step), { recursive: true })));
}

async function copyMigrations(to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(join(projectFolder, 'schema', 'migrations'), to, { recursive: true });
}
