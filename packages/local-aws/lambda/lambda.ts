/** Lambda on one machine: each function in processes of its own, with its memory and timeout. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Clock, createActivity } from '../clock/index.ts';
import type { Faults } from '../faults/index.ts';
import type { AwsService, Credentials } from '../gateway/index.ts';
import type { FunctionModel } from '../template/index.ts';
import { createInvokeService, functionNotFound } from './invoke.ts';
import { createPool, type Pool } from './pool.ts';
import { type LambdaResult, startProcess } from './process.ts';

export type LambdaOptions = {
  functions: FunctionModel[];
  region: string;
  credentials: Pick<Credentials, 'keyOf'>;
  /** The gateway's address, for `AWS_ENDPOINT_URL_S3` and its like. */
  endpoint: string;
  /** Further variables for every function. */
  environment?: Record<string, string>;
  faults: Faults;
  clock: Clock;
  /** Takes what the functions print, line by line. */
  log: (functionName: string, line: string) => void;
  /** Processes of one function at most; further events wait. */
  concurrency?: number;
  /** How long a process without an event is kept, in ms of the wall. */
  idleMs?: number;
  /**
   * A debugger may attach at this port to the function with this part in its name: it has one
   * process, from the start, and no timeout.
   */
  inspect?: { name: string; port: number };
};

export type Lambda = {
  /** @param id logical id, name or ARN; throws ResourceNotFoundException for another */
  invoke(id: string, event: unknown): Promise<LambdaResult>;
  /** Resolves once the event is accepted; a failure is tried again after 1 and 2 minutes. */
  invokeLater(id: string, event: unknown): Promise<void>;
  find(id: string): FunctionModel | undefined;
  service: AwsService;
  /** Resolves when no event is under way; what waits to be tried again does not count. */
  idle(): Promise<void>;
  /** Kills every process. */
  stop(): Promise<void>;
};

/** What Node may take here beyond the template's memory: debugger, watcher, shared pages. */
const residentMarginMb = 96;
const retryDelaysMs = [60_000, 120_000];
const endpoints = ['S3', 'SQS', 'RDS_DATA', 'SFN', 'SECRETS_MANAGER', 'EVENTBRIDGE', 'LAMBDA'];

export async function createLambda(options: LambdaOptions): Promise<Lambda> {
  const { functions, clock } = options;
  const inspected = options.inspect && functionNamed(options.inspect.name, functions);
  const folder = await mkdtemp(join(tmpdir(), 'local-lambda-'));
  const runtime = await buildRuntime(folder);
  const activity = createActivity();
  const pools = new Map(functions.map((fn) => [fn, poolOf(fn, runtime, options, fn === inspected)]));

  const find = (id: string) =>
    functions.find(
      (fn) => id === fn.logicalId || id === fn.name || id === fn.arn || id.startsWith(`${fn.arn}:`),
    );
  async function invoke(id: string, event: unknown): Promise<LambdaResult> {
    const fn = find(id);
    const pool = fn && pools.get(fn);
    if (!pool) throw functionNotFound(id);
    const payload = JSON.stringify(event) ?? '{}';
    return activity.during(() => pool.run(() => invocationOf(fn, payload, options)));
  }
  async function tryAgain(id: string, event: unknown, delays: number[]): Promise<void> {
    const result = await invoke(id, event).catch(() => undefined);
    const [delay, ...later] = delays;
    if (!result || 'payload' in result || delay === undefined) return;
    clock.after(delay, () => void tryAgain(id, event, later));
  }
  const lambda = {
    find,
    invoke,
    async invokeLater(id: string, event: unknown) {
      if (!find(id)) throw functionNotFound(id);
      void tryAgain(id, event, retryDelaysMs);
    },
    idle: activity.idle,
    async stop() {
      await Promise.all([...pools.values()].map((pool) => pool.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  return { ...lambda, service: createInvokeService(lambda) };
}

const invocationOf = (fn: FunctionModel, payload: string, { clock, faults }: LambdaOptions) => ({
  type: 'invoke' as const,
  requestId: randomUUID(),
  payload,
  functionArn: fn.arn,
  timeoutMs: fn.timeoutSeconds * 1000,
  ahead: clock.ahead(),
  rules: faults.rulesFor(fn),
});

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
 * @param part of the template's name; letters' case and what is no letter do not count
 * @throws Error in a sentence unless exactly one function is meant
 */
function functionNamed(part: string, functions: FunctionModel[]): FunctionModel {
  const found = functions.filter(({ name }) => lettersOf(name).includes(lettersOf(part)));
  const [first] = found;
  if (first && found.length === 1) return first;
  const names = (first ? found : functions).map(({ name }) => name).join(', ');
  const which = first ? 'several functions' : 'no function';
  throw new Error(`"${part}" is part of the name of ${which}: ${names}.`);
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
  const process = {
    setup,
    runtime,
    environment: environmentOf(fn, options),
    log,
    record: faults.record,
    ...(isInspected && inspect && { inspectPort: inspect.port }),
  };
  return createPool({
    limit: isInspected ? 1 : concurrency,
    idleMs,
    isKept: isInspected,
    start: () => startProcess(process),
  });
}

/** The template's, what Lambda adds, and nothing of this machine's but PATH: no AWS profiles. */
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
