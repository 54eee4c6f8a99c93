/** The processes of one function: idle ones are used again; more are started, up to a limit. */
import type { FunctionProcess, LambdaResult } from './process.ts';
import type { Invocation } from './wire.ts';

export type Pool = {
  /** Waits while as many events as may are under way. */
  run(prepare: () => Invocation): Promise<LambdaResult>;
  stop(): Promise<void>;
};

type Options = {
  start: () => FunctionProcess;
  /** How many processes at most. */
  limit: number;
  /** After how long without an event a process ends. */
  idleMs: number;
  /** One is started at once and never ended for being idle, as a debugger wants it. */
  isKept?: boolean;
};

export function createPool(options: Options): Pool {
  const processes = createProcesses(options);
  const waiting: (() => void)[] = [];
  let busy = 0;
  let stopped = false;
  return {
    async run(prepare) {
      while (busy >= options.limit && !stopped) await new Promise<void>((resolve) => waiting.push(resolve));
      if (stopped) throw new Error('The local Lambda has stopped.');
      busy += 1;
      const taken = processes.take();
      try {
        return await taken.invoke(prepare());
      } finally {
        processes.giveBack(taken);
        busy -= 1;
        waiting.shift()?.();
      }
    },
    async stop() {
      stopped = true;
      for (const release of waiting.splice(0)) release();
      await processes.stop();
    },
  };
}

function createProcesses({ start, idleMs, isKept = false }: Options) {
  const all = new Set<FunctionProcess>();
  /** The last used comes first, so that those in excess grow old. */
  const idle: { process: FunctionProcess; timer: NodeJS.Timeout }[] = [];
  let stopped = false;

  async function end(process: FunctionProcess) {
    all.delete(process);
    await process.kill();
  }
  function add(): FunctionProcess {
    const process = start();
    all.add(process);
    return process;
  }
  function giveBack(process: FunctionProcess) {
    if (!process.usable() || stopped) return void end(process);
    const entry = { process, timer: setTimeout(retire, idleMs) };
    entry.timer.unref();
    if (isKept) clearTimeout(entry.timer);
    idle.push(entry);
    function retire() {
      idle.splice(idle.indexOf(entry), 1);
      void end(process);
    }
  }
  if (isKept) giveBack(add());
  return {
    take(): FunctionProcess {
      for (let next = idle.pop(); next; next = idle.pop()) {
        clearTimeout(next.timer);
        if (next.process.usable()) return next.process;
        all.delete(next.process);
      }
      return add();
    },
    giveBack,
    async stop() {
      stopped = true;
      for (const { timer } of idle) clearTimeout(timer);
      await Promise.all([...all].map(end));
    },
  };
}
