/** Functions run as Lambda runs them: own process, own environment, own limits. */

import { existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sha256 } from '@aws-crypto/sha256-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignatureV4 } from '@smithy/signature-v4';
import { build } from 'esbuild';
import { createClock } from '../clock.ts';
import { createFaults } from '../faults.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';
import { createIam } from '../gateway/iam.ts';
import { createCredentials } from '../gateway/signature.ts';
import { createLambda, type Lambda, type LambdaOptions } from '../lambda/lambda.ts';
import type { FunctionModel } from '../template/model.ts';

const sources: Record<string, string> = {
  echo: `export const handler = async (event, context) => ({ event, name: context.functionName, arn: context.invokedFunctionArn,
    version: context.functionVersion, memory: context.memoryLimitInMB, remaining: context.getRemainingTimeInMillis() });`,
  environment: 'export const handler = async () => process.env;',
  pid: `let count = 0;
    export const handler = async () => { await new Promise((r) => setTimeout(r, 30)); return { pid: process.pid, count: ++count }; };`,
  thrower: `class PhotoError extends Error { name = 'PhotoError' }
    export const handler = async (event) => { if (event.plain) throw 'just text'; throw new PhotoError('no photo'); };`,
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

let root: string;
let lambda: Lambda;
let gateway: Gateway;
let functions: FunctionModel[];
const clock = createClock();
const credentials = createCredentials({ secret: 's', callers: ['EchoFunction', 'PidFunction'] });
const printed: [string, string][] = [];

const modelOf = (name: string): FunctionModel => ({
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
const optionsFor = (given: Partial<LambdaOptions> = {}): LambdaOptions => ({
  functions,
  region: 'eu-central-1',
  credentials,
  endpoint: 'http://127.0.0.1:1',
  environment: { STRIPE_HOST: '127.0.0.1' },
  faults: createFaults(),
  clock,
  log: (name, line) => printed.push([name, line]),
  ...given,
});

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

const errorOf = async (name: string, event: unknown = {}) => {
  const result = await lambda.invoke(name, event);
  return 'functionError' in result ? result.functionError : undefined;
};
const payloadOf = async <T>(name: string, event: unknown = {}, from = lambda) => {
  const result = await from.invoke(name, event);
  if ('functionError' in result) throw new Error(JSON.stringify(result.functionError));
  return result.payload as T;
};

describe('a handler', () => {
  test('gets its event and Lambda’s context, whatever name the function is called by', async () => {
    for (const id of [
      'echo',
      'EchoFunction',
      'arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST',
    ]) {
      expect(await payloadOf(id, { photo: 'ä' })).toEqual({
        event: { photo: 'ä' },
        name: 'echo',
        arn: 'arn:aws:lambda:us-east-1:000000000000:function:echo',
        version: '$LATEST',
        memory: '128',
        remaining: expect.any(Number),
      });
    }
    await expect(lambda.invoke('unknown', {})).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
  });

  test('that answers nothing answers null', async () => {
    expect(await lambda.invoke('nothing', {})).toEqual({ payload: null });
  });

  test('sees the template’s environment, Lambda’s variables, and nothing of this process', async () => {
    const seen = await payloadOf<Record<string, string>>('environment');
    const key = credentials.keyOf('EnvironmentFunction');
    expect(seen).toMatchObject({
      STAGE: 'local',
      STRIPE_HOST: '127.0.0.1',
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_RDS_DATA: 'http://127.0.0.1:1',
      AWS_LAMBDA_FUNCTION_NAME: 'environment',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      TZ: 'UTC',
    });
    const foreign = Object.keys(seen).filter(
      (name) => name in process.env && !/^(PATH|TZ|AWS_.*)$/.test(name),
    );
    expect(foreign).toEqual([]);
    expect(seen).not.toHaveProperty('HOME');
  });

  test('tells the time of the local clock', async () => {
    const day = 86_400_000;
    clock.advance(3 * day);
    const [now = 0, constructed = 0, epoch, isDate] =
      await payloadOf<[number, number, string, boolean]>('date');
    expect(now - Date.now()).toBeGreaterThan(2.9 * day);
    expect(Math.abs(now - constructed)).toBeLessThan(1000);
    expect([epoch, isDate]).toEqual(['1970-01-01T00:00:00.000Z', true]);
  });

  test('prints line by line to the log', async () => {
    await payloadOf('printer');
    await lambda.invoke('quits', {});
    expect(printed.filter(([name]) => name === 'printer').map(([, line]) => line)).toEqual([
      '{"level":"INFO"}',
      'two',
      'lines',
    ]);
  });
});

describe('a failure is in Lambda’s shape', () => {
  test('of what was thrown', async () => {
    expect(await errorOf('thrower')).toEqual({
      errorType: 'PhotoError',
      errorMessage: 'no photo',
      trace: expect.arrayContaining([expect.stringContaining('no photo')]),
    });
    expect(await errorOf('thrower', { plain: true })).toMatchObject({
      errorType: 'string',
      errorMessage: 'just text',
    });
  });

  test.each([
    ['slow', 'Sandbox.Timedout', 'Task timed out after 0.30 seconds'],
    ['busy', 'Sandbox.Timedout', 'Task timed out after 0.30 seconds'],
    ['quits', 'Runtime.ExitError', 'Runtime exited with error: exit status 3'],
    ['greedy', 'Runtime.ExitError', 'Runtime exited with error: signal: killed'],
    ['heap', 'Runtime.ExitError', 'Runtime exited with error: signal'],
    ['broken', 'SyntaxError', 'bad bundle'],
    ['unnamed', 'Runtime.HandlerNotFound', 'index.handler is undefined or not exported'],
    ['long', 'Function.ResponseSizeTooLarge', 'exceeded maximum allowed payload size'],
  ])('%s: %s', async (name, errorType, message) => {
    expect(await errorOf(name)).toMatchObject({ errorType, errorMessage: expect.stringContaining(message) });
  });

  test('of a bundle that is not there', async () => {
    const absent = { ...modelOf('echo'), folder: join(root, 'absent') };
    const other = await createLambda(optionsFor({ functions: [absent] }));
    expect(await other.invoke('echo', {})).toMatchObject({
      functionError: { errorType: 'Runtime.ImportModuleError' },
    });
    await other.stop();
  });
});

describe('processes', () => {
  test('are used again one after another, and at most as many as may run at once', async () => {
    const own = await createLambda(optionsFor({ concurrency: 2 }));
    const first = await payloadOf<{ pid: number; count: number }>('pid', {}, own);
    expect(await payloadOf('pid', {}, own)).toEqual({ pid: first.pid, count: 2 });
    const many = await Promise.all(
      Array.from({ length: 6 }, () => payloadOf<{ pid: number; count: number }>('pid', {}, own)),
    );
    expect(new Set(many.map(({ pid }) => pid)).size).toBe(2);
    expect(many.map(({ count }) => count)).toEqual(expect.arrayContaining([3, 4]));
    await own.stop();
    for (const { pid } of many) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('that died are replaced', async () => {
    await errorOf('quits');
    expect(await errorOf('quits')).toMatchObject({ errorMessage: expect.stringContaining('exit status 3') });
  });

  test('under a debugger listen where they were told before their first event, and stay', async () => {
    let listens: (line: string) => void = () => {};
    const said = new Promise<string>((resolve) => {
      listens = resolve;
    });
    const named = functions.map((fn) => ({ ...fn, name: `example${fn.name}function` }));
    const own = await createLambda(
      optionsFor({
        functions: named,
        inspect: { name: 'example/pid', port: 0 },
        idleMs: 0,
        log: (name, line) => name === 'examplepidfunction' && listens(line),
      }),
    );
    expect(await said).toMatch(/^Debugger listening on ws:\/\/127\.0\.0\.1/);
    const pids = [await own.invoke('examplepidfunction', {}), await own.invoke('examplepidfunction', {})];
    expect(pids).toMatchObject([{ payload: { count: 1 } }, { payload: { count: 2 } }]);
    await own.stop();
  });

  test('are debugged only when one of them is meant', async () => {
    const wanted = (name: string) => createLambda(optionsFor({ inspect: { name, port: 0 } }));
    await expect(wanted('nosuch')).rejects.toThrow('"nosuch" is part of the name of no function: echo,');
    await expect(wanted('o')).rejects.toThrow('"o" is part of the name of several functions: echo,');
  });
});

describe('the Lambda API', () => {
  async function call(
    name: string,
    event: string,
    headers: Record<string, string> = {},
    caller = 'EchoFunction',
  ) {
    const path = `/2015-03-31/functions/${name}/invocations`;
    const { host } = new URL(gateway.url);
    const signer = new SignatureV4({
      service: 'lambda',
      region: 'us-east-1',
      credentials: credentials.keyOf(caller),
      sha256: Sha256,
      // As the AWS CLI signs: the body's hash is in the signature, but in no header.
      applyChecksum: false,
    });
    const signed = await signer.sign({
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path,
      headers: { host, ...headers },
      body: event,
    });
    return fetch(gateway.url + path, { method: 'POST', headers: signed.headers, body: event });
  }

  test('answers with the payload, or with the error and its header', async () => {
    const good = await call('echo', '{"a":1}');
    expect(good.status).toBe(200);
    expect(await good.json()).toMatchObject({ event: { a: 1 } });
    const bad = await call('thrower', '{}');
    expect([bad.status, bad.headers.get('x-amz-function-error')]).toEqual([200, 'Unhandled']);
    expect(await bad.json()).toMatchObject({ errorType: 'PhotoError' });
  });

  test('refuses what the policy does not allow, what does not exist, and what is no JSON', async () => {
    expect((await call('nothing', '{}')).status).toBe(403);
    expect((await call('echo', '{}', {}, 'PidFunction')).status).toBe(403);
    expect((await call('no-such', '{}', {}, 'operator')).status).toBe(404);
    expect((await call('echo', '{')).status).toBe(400);
  });

  test('accepts an event at once, and tries it three times', async () => {
    const file = join(root, 'tries');
    const answer = await call('flaky', JSON.stringify({ file }), { 'x-amz-invocation-type': 'Event' });
    expect(answer.status).toBe(202);
    while (!existsSync(file) || statSync(file).size < 3) {
      clock.advance(60_000);
      await payloadOf('echo');
    }
  });
});
