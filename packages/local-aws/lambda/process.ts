/** One process of one function: takes an event at a time, and is killed at its timeout. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { OutsideCall } from '../faults/index.ts';
import type { FunctionError, Invocation, Report, Setup } from './wire.ts';

/** What the handler answered, parsed; or how it failed, in Lambda's shape. */
export type LambdaResult = { payload: unknown } | { functionError: FunctionError };

export type FunctionProcess = {
  /** Not to be called again before it resolves. */
  invoke(invocation: Invocation): Promise<LambdaResult>;
  /** False once it has died, or could not load its bundle. */
  usable(): boolean;
  /** Ends it; resolves when it is gone. */
  kill(): Promise<void>;
};

export type ProcessOptions = {
  setup: Setup;
  /** Path of the built runtime. */
  runtime: string;
  environment: Record<string, string>;
  /** A debugger listens here, and no timeout applies. */
  inspectPort?: number;
  log: (functionName: string, line: string) => void;
  record: (call: OutsideCall, ruleId?: number) => void;
};

/** A process that has not loaded its bundle by then never will. */
const initLimitMs = 30_000;

type Ending = { code: number | null; signal: NodeJS.Signals | null };

/** The event being handled: what is to be done with reports, and when the process ends. */
type Pending = { take(report: Report): void; end(ending: Ending): void };

export function startProcess(options: ProcessOptions): FunctionProcess {
  const { inspectPort } = options;
  const child = spawnRuntime(options);
  let pending: Pending | undefined;
  let usable = true;
  child.on('message', (report: Report) => {
    if (report.type === 'call') return options.record(report.call, report.ruleId);
    if (report.type === 'unusable') usable = false;
    pending?.take(report);
  });
  const gone = endingOf(child).then((ending) => {
    usable = false;
    pending?.end(ending);
  });
  return {
    async invoke(invocation) {
      const result = new Promise<LambdaResult>((resolve) => {
        const limit = inspectPort === undefined ? timeLimit(child) : noLimit;
        pending = handle(invocation, limit, resolve);
      });
      // A process that dies meanwhile says so by its end.
      child.send(invocation, () => {});
      return result.finally(() => {
        pending = undefined;
      });
    },
    usable: () => usable,
    async kill() {
      usable = false;
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function spawnRuntime({ setup, runtime, environment, inspectPort, log }: ProcessOptions): ChildProcess {
  const flags = [
    // As Lambda starts Node: nine tenths for the heap.
    `--max-old-space-size=${Math.floor(setup.memoryMb * 0.9)}`,
    ...(inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`]),
  ];
  const child = spawn(process.execPath, [...flags, runtime, JSON.stringify(setup)], {
    cwd: dirname(runtime),
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => log(setup.functionName, line));
  }
  return child;
}

/** After 'close' alone, reports may still be on their way. */
async function endingOf(child: ChildProcess): Promise<Ending> {
  const closed = new Promise<Ending>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.on('error', () => child.pid === undefined && resolve({ code: 1, signal: null }));
  });
  const disconnected = new Promise((resolve) => child.once('disconnect', resolve));
  const [ending] = await Promise.all([closed, child.pid && disconnected]);
  return ending;
}

type Limit = {
  /** Kills the process after so many ms, instead of after those set before. */
  set(ms: number): void;
  clear(): void;
  /** How Lambda words that the limit was reached. */
  reached(): string | undefined;
};

const noLimit: Limit = { set: () => {}, clear: () => {}, reached: () => undefined };

function timeLimit(child: ChildProcess): Limit {
  let timer: NodeJS.Timeout | undefined;
  let reached: string | undefined;
  return {
    set(ms) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        reached = `Task timed out after ${(ms / 1000).toFixed(2)} seconds`;
        child.kill('SIGKILL');
      }, ms);
    },
    clear: () => clearTimeout(timer),
    reached: () => reached,
  };
}

function handle(invocation: Invocation, limit: Limit, resolve: (result: LambdaResult) => void): Pending {
  function settle(result: LambdaResult) {
    limit.clear();
    resolve(result);
  }
  limit.set(initLimitMs);
  return {
    take(report) {
      if (report.type === 'ready') limit.set(invocation.timeoutMs);
      if (report.type === 'done') settle({ payload: JSON.parse(report.payload) });
      if ('error' in report) settle({ functionError: report.error });
    },
    end: (ending) => settle({ functionError: deathOf(invocation.requestId, limit.reached(), ending) }),
  };
}

/** How Lambda words it. */
function deathOf(requestId: string, timeout: string | undefined, { code, signal }: Ending): FunctionError {
  if (timeout !== undefined)
    return { errorType: 'Sandbox.Timedout', errorMessage: `RequestId: ${requestId} Error: ${timeout}` };
  const names: Record<string, string> = { SIGKILL: 'killed', SIGABRT: 'aborted' };
  const how = signal ? `signal: ${names[signal] ?? signal}` : `exit status ${code}`;
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${how}`,
  };
}
