/** Bundles: one a step, whole, small, and gone when their step is. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Bundle, buildBundles } from '../../lib/bundles.ts';
import { synthesizeStack } from './synthesized.ts';

const run = promisify(execFile);
let folder: string;
let bundles: Bundle[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'restoreclick-bundles-'));
  await mkdir(join(folder, 'payment', 'abandoned-step'), { recursive: true });
  await writeFile(join(folder, 'payment', 'abandoned-step', 'index.mjs'), '');
  bundles = await buildBundles(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the build', () => {
  test('makes a bundle of every step, each with its source map', async () => {
    for (const { step } of bundles) {
      expect(await readdir(join(folder, step))).toEqual(
        expect.arrayContaining(['index.mjs', 'index.mjs.map']),
      );
    }
  });

  test('removes the bundle of a step that is no more', async () => {
    expect(await readdir(join(folder, 'payment'))).not.toContain('abandoned-step');
  });

  test('puts the statements of a step into its bundle, as they are written', async () => {
    const code = await readFile(join(folder, 'payment/keep-original/index.mjs'), 'utf8');
    const sql = await readFile(
      join(import.meta.dirname, '../../lambdas/payment/keep-original/keep.sql'),
      'utf8',
    );
    expect(code).toContain('payment/keep-original/keep');
    expect(code).toContain(sql.split('\n').find((line) => line.includes('insert into')));
  });

  test('lays the migrations beside the step that applies them', async () => {
    const migrations = await readdir(join(import.meta.dirname, '../../schema/migrations'));
    expect(await readdir(join(folder, 'operations/migrate/migrations'))).toEqual(migrations);
  });

  test('keeps every step’s code below 1.2 MB, for the sake of cold starts', () => {
    expect(bundles.filter(({ bytes }) => bytes > 1_200_000)).toEqual([]);
  });

  test('keeps verifying a webhook and queueing it below 600 kB, since Stripe waits for its cold start', () => {
    const webhook = bundles.find(({ step }) => step === 'payment/receive-stripe-event');
    expect(webhook?.bytes).toBeLessThanOrEqual(600_000);
  });

  test('makes bundles that start with the environment they are deployed with', async () => {
    const stack = synthesizeStack('production', folder);
    stack.remove();
    const started = await Promise.all(
      bundles.map(async ({ step }) => {
        const script = `console.log(typeof (await import(${JSON.stringify(join(folder, step, 'index.mjs'))})).handler)`;
        const environment = { ...stack.step(step).environment, AWS_REGION: 'us-east-1' };
        const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
          env: environment,
        });
        return `${step}: ${stdout.trim()}`;
      }),
    );
    expect(started).toEqual(bundles.map(({ step }) => `${step}: function`));
  });

  test('is asked for when a bundle is missing', () => {
    const empty = join(folder, 'nothing-here');
    expect(() => synthesizeStack('production', empty)).toThrow(/No bundle of \S+ in .*npm run build/);
  });

  test('runs the migration again on deployment when a migration was added', async () => {
    const versionOf = () => {
      const stack = synthesizeStack('production', folder);
      stack.remove();
      return stack.resourcesOf('AWS::Lambda::Version').map(([id]) => id);
    };
    const before = versionOf();
    expect(versionOf()).toEqual(before);
    await writeFile(join(folder, 'operations/migrate/migrations/9999_more.sql'), 'select 1;');
    expect(versionOf()).not.toEqual(before);
  });
});
