/** One process of one function: takes an event at a time, and is killed at its timeout. */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { OutsideCall } from '../faults.ts';
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

export function startProcess(options: ProcessOptions): FunctionProcess {
  const { setup, inspectPort, log } = options;
  const child = spawn(
    process.execPath,
    [
      // As Lambda starts Node: nine tenths for the heap.
      `--max-old-space-size=${Math.floor(setup.memoryMb * 0.9)}`,
      ...(inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`]),
      options.runtime,
      JSON.stringify(setup),
    ],
    { cwd: dirname(options.runtime), env: options.environment, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  );
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => log(setup.functionName, line));
  }
  let pending: { take(report: Report): void; end(ending: Ending): void } | undefined;
  let usable = true;
  child.on('message', (report: Report) => {
    if (report.type === 'call') options.record(report.call, report.ruleId);
    else pending?.take(report);
  });
  // After 'close' alone, reports may still be on their way.
  const closed = new Promise<Ending>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.on('error', () => child.pid === undefined && resolve({ code: 1, signal: null }));
  });
  const disconnected = new Promise((resolve) => child.once('disconnect', resolve));
  const gone = Promise.all([closed, child.pid && disconnected]).then(([ending]) => {
    usable = false;
    pending?.end(ending);
  });

  function invoke(invocation: Invocation): Promise<LambdaResult> {
    return new Promise((resolve) => {
      let expired: string | undefined;
      const expireAfter = (ms: number) =>
        inspectPort === undefined
          ? setTimeout(() => {
              expired = `Task timed out after ${(ms / 1000).toFixed(2)} seconds`;
              child.kill('SIGKILL');
            }, ms)
          : undefined;
      let timer = expireAfter(initLimitMs);
      const settle = (result: LambdaResult) => {
        clearTimeout(timer);
        pending = undefined;
        resolve(result);
      };
      pending = {
        take(report) {
          if (report.type === 'done') settle({ payload: JSON.parse(report.payload) });
          if (report.type === 'failed') settle({ functionError: report.error });
          if (report.type === 'unusable') {
            usable = false;
            settle({ functionError: report.error });
          }
          if (report.type !== 'ready') return;
          clearTimeout(timer);
          timer = expireAfter(invocation.timeoutMs);
        },
        end: (ending) => settle({ functionError: deathOf(invocation.requestId, expired, ending) }),
      };
      // A process that dies meanwhile says so by its end.
      child.send(invocation, () => {});
    });
  }
  return {
    invoke,
    usable: () => usable,
    async kill() {
      usable = false;
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** How Lambda words it. */
function deathOf(requestId: string, expired: string | undefined, { code, signal }: Ending): FunctionError {
  if (expired)
    return { errorType: 'Sandbox.Timedout', errorMessage: `RequestId: ${requestId} Error: ${expired}` };
  const names: Record<string, string> = { SIGKILL: 'killed', SIGABRT: 'aborted' };
  const how = signal ? `signal: ${names[signal] ?? signal}` : `exit status ${code}`;
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${how}`,
  };
}
