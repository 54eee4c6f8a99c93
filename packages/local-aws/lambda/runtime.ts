/** Runs in a function's own process: loads its bundle, gives it events, tells how each ended. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { watchOutside } from './outside.ts';
import type { FunctionError, Invocation, Report, Setup } from './wire.ts';

type Handler = (event: unknown, context: Record<string, unknown>) => unknown;

/** Lambda's limit of an answer, in bytes. */
const longestAnswer = 6_291_556;

const setup = JSON.parse(process.argv[2] ?? '') as Setup;
const wallNow = Date.now;
let ahead = 0;
let loaded: Promise<Handler> | undefined;

function send(report: Report, sent?: () => void) {
  process.send?.(report, undefined, undefined, sent);
}

/** Dates follow the local clock; timers do not. */
function followLocalClock() {
  const now = () => wallNow() + ahead;
  globalThis.Date = new Proxy(Date, {
    construct: (target, values, self) =>
      Reflect.construct(target, values.length > 0 ? values : [now()], self),
    apply: () => new Date().toString(),
    get: (target, name, self) => (name === 'now' ? now : Reflect.get(target, name, self)),
  });
}

/** A thread of its own sees what a busy one holds. */
function watchMemory(limitMb: number) {
  const source = `
    const { workerData } = require('node:worker_threads');
    const { writeSync } = require('node:fs');
    setInterval(() => {
      const heldMb = Math.round(process.memoryUsage.rss() / 1024 ** 2);
      if (heldMb <= workerData) return;
      writeSync(2, 'Killed for holding ' + heldMb + ' MB of memory, more than ' + workerData + ' MB\\n');
      process.kill(process.pid, 'SIGKILL');
    }, 100);`;
  new Worker(source, { eval: true, workerData: limitMb, execArgv: [], env: {} }).unref();
}

function failure(name: string, message: string) {
  return Object.assign(new Error(message), { name });
}

async function load(): Promise<Handler> {
  const [file = '', name = ''] = setup.handler.split(/\.(?=[^.]*$)/);
  const path = ['.mjs', '.js', '.cjs']
    .map((end) => join(setup.folder, file + end))
    .find((p) => existsSync(p));
  if (!path) throw failure('Runtime.ImportModuleError', `Error: Cannot find module '${file}'`);
  process.chdir(setup.folder);
  const module: Record<string, unknown> = await import(pathToFileURL(path).href);
  const handler = module[name];
  if (typeof handler !== 'function')
    throw failure('Runtime.HandlerNotFound', `${setup.handler} is undefined or not exported`);
  return handler as Handler;
}

function contextOf({ requestId, functionArn, timeoutMs }: Invocation) {
  const deadline = performance.now() + timeoutMs;
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: setup.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn,
    memoryLimitInMB: String(setup.memoryMb),
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${setup.functionName}`,
    logStreamName: String(process.pid),
    getRemainingTimeInMillis: () => Math.max(0, Math.round(deadline - performance.now())),
  };
}

function describe(thrown: unknown): FunctionError {
  if (!(thrown instanceof Error))
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  const { name, message, stack } = thrown;
  return { errorType: name || 'Error', errorMessage: message, trace: stack?.split('\n') ?? [] };
}

async function run(handler: Handler, invocation: Invocation): Promise<Report> {
  try {
    const payload =
      JSON.stringify(await handler(JSON.parse(invocation.payload), contextOf(invocation))) ?? 'null';
    const size = Buffer.byteLength(payload);
    if (size <= longestAnswer) return { type: 'done', payload };
    const limit = `maximum allowed payload size (${longestAnswer} bytes)`;
    const message = `Response payload size (${size} bytes) exceeded ${limit}.`;
    throw failure('Function.ResponseSizeTooLarge', message);
  } catch (thrown) {
    const error = describe(thrown);
    console.error(JSON.stringify({ level: 'ERROR', message: 'Invoke Error', ...error }));
    return { type: 'failed', error };
  }
}

const outside = watchOutside({
  functionName: setup.functionName,
  hosts: setup.hosts,
  claims: import.meta.dirname,
  send,
});
followLocalClock();
watchMemory(setup.residentLimitMb);

process.on('message', async (invocation: Invocation) => {
  ahead = invocation.ahead;
  outside.begin(invocation);
  loaded ??= load();
  const handler = await loaded.catch((thrown: unknown) => {
    send({ type: 'unusable', error: describe(thrown) }, () => process.exit(1));
  });
  if (!handler) return;
  send({ type: 'ready' });
  send(await run(handler, invocation));
});
process.on('disconnect', () => process.exit(0));
