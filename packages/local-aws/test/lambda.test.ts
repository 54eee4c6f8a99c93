/** Functions run as Lambda runs them: own process, own environment, own limits. */
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createLambda } from '../lambda/index.ts';
import {
  clock,
  credentials,
  errorOf,
  functions,
  lambda,
  modelOf,
  optionsFor,
  payloadOf,
  printed,
  root,
  setUp,
} from './lambda-setup.ts';

setUp();

describe('a handler', () => {
  test('gets its event and Lambda’s context, whatever name the function is called by', async () => {
    for (const id of [
      'echo',
      'EchoFunction',
      'arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST',
    ]) {
      expect(await payloadOf(id, { word: 'ä' })).toEqual({
        event: { word: 'ä' },
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
      EXTRA_HOST: '127.0.0.1',
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
      errorType: 'OwnError',
      errorMessage: 'no luck',
      trace: expect.arrayContaining([expect.stringContaining('no luck')]),
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
