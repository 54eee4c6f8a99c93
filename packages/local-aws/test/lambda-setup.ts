/** Small functions on the local Lambda, one for each thing that its tests look at. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { build } from 'esbuild';
import { createClock } from '../clock/index.ts';
import { createFaults } from '../faults/index.ts';
import { createCredentials, createGateway, createIam, type Gateway } from '../gateway/index.ts';
import { createLambda, type Lambda, type LambdaOptions } from '../lambda/index.ts';
import type { FunctionModel } from '../template/index.ts';

const sources: Record<string, string> = {
  echo: `export const handler = async (event, context) => ({ event, name: context.functionName, arn: context.invokedFunctionArn,
    version: context.functionVersion, memory: context.memoryLimitInMB, remaining: context.getRemainingTimeInMillis() });`,
  environment: 'export const handler = async () => process.env;',
  pid: `let count = 0;
    export const handler = async () => { await new Promise((r) => setTimeout(r, 30)); return { pid: process.pid, count: ++count }; };`,
  thrower: `class OwnError extends Error { name = 'OwnError' }
    export const handler = async (event) => { if (event.plain) throw 'just text'; throw new OwnError('no luck'); };`,
  nothing: 'export const handler = async () => {};',
  slow: 'export const handler = () => new Promise(() => {});',
  busy: 'export const handler = () => { for (;;); };',
  greedy: `export const handler = async () => { const held = [];
    for (;;) { held.push(Buffer.alloc(8 * 1024 ** 2, 1)); await new Promise((r) => setTimeout(r, 5)); } };`,
  heap: 'export const handler = async () => { const held = []; for (;;) held.push({ a: held.length, b: [1, 2, 3] }); };',
  quits: 'export const handler = async () => process.exit(3);',
  broken: 'throw new SyntaxError("bad bundle"); export const handler = 1;',
  unnamed: 'export const other = 1;',
  printer: `export const handler = async () => { console.log(JSON.stringify({ level: 'INFO' })); console.error('two\\nlines'); };`,
  long: `export const handler = async () => 'x'.repeat(7 * 1024 ** 2);`,
  date: 'export const handler = async () => [Date.now(), new Date().getTime(), new Date(0).toISOString(), new Date() instanceof Date];',
  flaky: `import { appendFileSync, readFileSync } from 'node:fs';
    export const handler = async ({ file }) => { appendFileSync(file, 'x'); if (readFileSync(file).length < 3) throw new Error('not yet'); };`,
};

export let root: string;
export let lambda: Lambda;
export let gateway: Gateway;
export let functions: FunctionModel[];
export const clock = createClock();
export const credentials = createCredentials({ secret: 's', callers: ['EchoFunction', 'PidFunction'] });
export const printed: [string, string][] = [];

export const modelOf = (name: string): FunctionModel => ({
  logicalId: `${name[0]?.toUpperCase()}${name.slice(1)}Function`,
  name,
  arn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
  description: '',
  folder: join(root, name),
  handler: 'index.handler',
  environment: name === 'environment' ? { STAGE: 'local', AWS_REGION: 'overridden' } : {},
  memoryMb: 128,
  timeoutSeconds: name === 'slow' || name === 'busy' ? 0.3 : 20,
  policy: [],
});
export const optionsFor = (given: Partial<LambdaOptions> = {}): LambdaOptions => ({
  functions,
  region: 'eu-central-1',
  credentials,
  endpoint: 'http://127.0.0.1:1',
  environment: { EXTRA_HOST: '127.0.0.1' },
  faults: createFaults(),
  clock,
  log: (name, line) => printed.push([name, line]),
  ...given,
});

/** Starts the functions before the tests of a file. */
export function setUp(): void {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lambda-test-'));
    await Promise.all(
      Object.entries(sources).map(([name, contents]) =>
        build({
          stdin: { contents },
          outfile: join(root, name, 'index.mjs'),
          bundle: true,
          platform: 'node',
          format: 'esm',
        }),
      ),
    );
    functions = Object.keys(sources).map(modelOf);
    lambda = await createLambda(optionsFor());
    gateway = await createGateway({
      credentials,
      clock,
      log: () => {},
      iam: createIam({
        account: '000000000000',
        policies: new Map([
          [
            'EchoFunction',
            [
              {
                effect: 'Allow',
                actions: ['lambda:InvokeFunction'],
                resources: ['*:echo', '*:thrower', '*:flaky'],
                conditions: {},
              },
            ],
          ],
        ]),
      }),
    });
    gateway.serve('lambda', lambda.service);
  });
  afterAll(async () => {
    await Promise.all([lambda.stop(), gateway.stop()]);
    clock.stop();
    await rm(root, { recursive: true });
  });
}

export const errorOf = async (name: string, event: unknown = {}) => {
  const result = await lambda.invoke(name, event);
  return 'functionError' in result ? result.functionError : undefined;
};
export const payloadOf = async <T>(name: string, event: unknown = {}, from = lambda) => {
  const result = await from.invoke(name, event);
  if ('functionError' in result) throw new Error(JSON.stringify(result.functionError));
  return result.payload as T;
};
