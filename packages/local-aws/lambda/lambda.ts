/** Lambda on one machine: each function of the template in processes of its own, with its environment, memory and timeout. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Clock } from '../clock.ts';
import type { Faults } from '../faults.ts';
import { createActivity } from '../gateway/activity.ts';
import { AwsError, type AwsService } from '../gateway/service.ts';
import type { Credentials } from '../gateway/signature.ts';
import type { FunctionModel } from '../template/model.ts';
import { createInvokeService } from './invoke.ts';
import { createPool, type Pool } from './pool.ts';
import { type LambdaResult, startProcess } from './process.ts';

import type { Invocation } from './wire.ts';

export type { LambdaResult } from './process.ts';
export type { FunctionError } from './wire.ts';

export type LambdaOptions = {
  functions: FunctionModel[];
  region: string;
  credentials: Pick<Credentials, 'keyOf'>;
  /** The gateway's address, for `AWS_ENDPOINT_URL_S3` and its like. */
  endpoint: string;
  /** Further variables for every function, such as the providers' addresses. */
  environment?: Record<string, string>;
  faults: Faults;
  clock: Clock;
  /** Takes what the functions print, line by line. */
  log: (functionName: string, line: string) => void;
  /** Processes of one function at most; further events wait. */
  concurrency?: number;
  /** How long a process without an event is kept, in ms of the wall. */
  idleMs?: number;
  /** A debugger may attach to the function with this part in its name, at this port: one process from the start, no timeout. */
  inspect?: { name: string; port: number };
};

export type Lambda = {
  /** @param id logical id, name or ARN; throws ResourceNotFoundException for another */
  invoke(id: string, event: unknown): Promise<LambdaResult>;
  /** As an asynchronous caller does: a failure is tried again after 1 and 2 minutes by the clock. Resolves once it is accepted. */
  invokeLater(id: string, event: unknown): Promise<void>;
  find(id: string): FunctionModel | undefined;
  service: AwsService;
  /** Resolves when no event is under way; what waits to be tried again does not count. */
  idle(): Promise<void>;
  /** Kills every process. */
  stop(): Promise<void>;
};

/** Above the template's memory a process may hold this for what Node here takes more than Node there: debugger, watcher, shared pages. */
const residentMarginMb = 96;
const retryDelaysMs = [60_000, 120_000];
const endpoints = ['S3', 'SQS', 'RDS_DATA', 'SFN', 'SECRETS_MANAGER', 'EVENTBRIDGE', 'LAMBDA'];

export async function createLambda(options: LambdaOptions): Promise<Lambda> {
  const { functions, faults, clock } = options;
  const inspected = options.inspect && functionNamed(options.inspect.name, functions);
  const folder = await mkdtemp(join(tmpdir(), 'restoreclick-lambda-'));
  const runtime = await buildRuntime(folder);
  const activity = createActivity();
  const pools = new Map(functions.map((fn) => [fn, poolOf(fn, runtime, options, fn === inspected)]));

  const find = (id: string) =>
    functions.find(
      (fn) => id === fn.logicalId || id === fn.name || id === fn.arn || id.startsWith(`${fn.arn}:`),
    );

  function poolFor(id: string): [FunctionModel, Pool] {
    const fn = find(id);
    const pool = fn && pools.get(fn);
    if (pool) return [fn, pool];
    throw new AwsError('ResourceNotFoundException', `Function not found: ${id}`, 404);
  }

  function run([fn, pool]: [FunctionModel, Pool], event: unknown) {
    const payload = JSON.stringify(event) ?? '{}';
    const prepare = (): Invocation => ({
      type: 'invoke',
      requestId: randomUUID(),
      payload,
      functionArn: fn.arn,
      timeoutMs: fn.timeoutSeconds * 1000,
      ahead: clock.ahead(),
      rules: faults.rulesFor(fn),
    });
    return activity.during(() => pool.run(prepare));
  }

  async function retry(target: [FunctionModel, Pool], event: unknown, delays: number[]) {
    const result = await run(target, event).catch(() => undefined);
    const [delay, ...later] = delays;
    if (!result || 'payload' in result || delay === undefined) return;
    clock.after(delay, () => void retry(target, event, later));
  }

  const lambda = {
    find,
    invoke: async (id: string, event: unknown) => run(poolFor(id), event),
    async invokeLater(id: string, event: unknown) {
      void retry(poolFor(id), event, retryDelaysMs);
    },
    idle: () => activity.idle(),
    async stop() {
      await Promise.all([...pools.values()].map((pool) => pool.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  return { ...lambda, service: createInvokeService(lambda) };
}

async function buildRuntime(folder: string): Promise<string> {
  const outfile = join(folder, 'runtime.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('runtime.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  });
  return outfile;
}

const lettersOf = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/**
 * @param part as a step's folder is called, `store-restored` or `restoration/store-restored`, or as the template calls its function
 * @throws Error in a sentence unless exactly one function is meant
 */
function functionNamed(part: string, functions: FunctionModel[]): FunctionModel {
  const meant = functions.filter(({ name }) => lettersOf(name).includes(lettersOf(part)));
  const [one] = meant;
  if (one && meant.length === 1) return one;
  const names = (one ? meant : functions).map(({ name }) => name).join(', ');
  throw new Error(`"${part}" is part of the name of ${one ? 'several functions' : 'no function'}: ${names}.`);
}

function poolOf(fn: FunctionModel, runtime: string, options: LambdaOptions, isInspected: boolean): Pool {
  const { faults, inspect, log, concurrency = 4, idleMs = 60_000 } = options;
  const setup = {
    functionName: fn.name,
    folder: fn.folder,
    handler: fn.handler,
    memoryMb: fn.memoryMb,
    residentLimitMb: fn.memoryMb + residentMarginMb,
    hosts: faults.hosts,
  };
  const environment = environmentOf(fn, options);
  return createPool({
    limit: isInspected ? 1 : concurrency,
    idleMs,
    isKept: isInspected,
    start: () =>
      startProcess({
        setup,
        runtime,
        environment,
        log,
        record: faults.record,
        ...(isInspected && inspect && { inspectPort: inspect.port }),
      }),
  });
}

/** The template's, what Lambda adds, and nothing of this machine's but PATH: not even its AWS profiles. */
function environmentOf(fn: FunctionModel, { region, credentials, endpoint, environment }: LambdaOptions) {
  const { accessKeyId, secretAccessKey } = credentials.keyOf(fn.logicalId);
  return {
    ...fn.environment,
    ...Object.fromEntries(endpoints.map((name) => [`AWS_ENDPOINT_URL_${name}`, endpoint])),
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMb),
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    TZ: 'UTC',
    PATH: process.env.PATH ?? '',
    ...environment,
  };
}
