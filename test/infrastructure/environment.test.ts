/**
 * Steps read no variable that the stack does not give them, and are given none that they do not
 * read: with each goes a permission.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { stepsWithHandlers } from '../../lib/bundles.ts';
import { allSteps, synthesizeStack } from './synthesized.ts';

const project = join(import.meta.dirname, '../..');
/**
 * Read by Node itself and by the log; the last by `messages.ts`, which does without where no queue
 * feeds the step.
 */
const forEveryStep = ['NODE_OPTIONS', 'SERVICE_VERSION', 'QUEUE_URL'];
const stack = synthesizeStack();
afterAll(stack.remove);

const { metafile } = await build({
  absWorkingDir: project,
  entryPoints: allSteps.map((step) => ({ in: `lambdas/${step}/handler.ts`, out: step })),
  outdir: 'nowhere',
  write: false,
  bundle: true,
  metafile: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  loader: { '.sql': 'empty', '.html': 'text', '.txt': 'text', '.mustache': 'text' },
  logLevel: 'silent',
});

/**
 * The variables that a step's sources ask for, and whether they can do without; Lambda itself sets
 * those of AWS.
 */
async function variablesReadBy(step: string): Promise<{ name: string; optional: boolean }[]> {
  const sources = Object.keys(metafile.outputs[`nowhere/${step}.js`]?.inputs ?? {});
  const texts = await Promise.all(sources.map((path) => readFile(join(project, path), 'utf8')));
  const asked = texts.flatMap((text) => [...text.matchAll(/settings\(\{([^}]*)\}\)/g)]);
  const plainly = texts.flatMap((text) => [...text.matchAll(/process\.env\.([A-Z_]+)/g)]);
  const shaped = asked.flatMap(([, block = '']) =>
    [...block.matchAll(/\b([A-Z][A-Z_]+): (.*?)(?=,\s+[A-Z_]+:|,?\s*$)/gs)].map(
      ([, name = '', schema = '']) => ({
        name,
        optional: /\.(optional|default)\(/.test(schema),
      }),
    ),
  );
  return [...shaped, ...plainly.map(([, name = '']) => ({ name, optional: name.startsWith('AWS_') }))];
}

test('every step of the stack has a handler, and every handler a place in the stack', async () => {
  expect(await stepsWithHandlers()).toEqual([...allSteps].sort());
});

describe.each(allSteps)('%s', (step) => {
  test('is given all that it reads, and nothing that it does not', async () => {
    const read = await variablesReadBy(step);
    const given = Object.keys(stack.step(step).environment).filter((name) => !forEveryStep.includes(name));
    const missing = read.filter(({ name, optional }) => !optional && !given.includes(name));
    expect(missing.map(({ name }) => name)).toEqual([]);
    expect(given.filter((name) => !read.some((each) => each.name === name))).toEqual([]);
  });
});
