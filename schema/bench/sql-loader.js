/** Lets plain Node import a step's `.sql` file, as the bundler and the tests do. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sqlModule } from '../sql/module.js';

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  if (!url.endsWith('.sql')) return nextLoad(url, context);
  const path = fileURLToPath(url);
  return { format: 'module', source: sqlModule(path, await readFile(path, 'utf8')), shortCircuit: true };
}
