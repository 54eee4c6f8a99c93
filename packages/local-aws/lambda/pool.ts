/** The processes of one function: idle ones are used again, more are started while more events are under way. */
import type { FunctionProcess, LambdaResult } from './process.ts';
import type { Invocation } from './wire.ts';

export type Pool = {
  /** Waits while as many events as may are under way. */
  run(prepare: () => Invocation): Promise<LambdaResult>;
  stop(): Promise<void>;
};

/**
 * @param limit how many processes at most
 * @param idleMs after how long without an event a process ends
 * @param isKept one is started at once and never ended for being idle, as a debugger wants it
 */
export function createPool({
  start,
  limit,
  idleMs,
  isKept = false,
}: {
  start: () => FunctionProcess;
  limit: number;
  idleMs: number;
  isKept?: boolean;
}): Pool {
  const all = new Set<FunctionProcess>();
  /** The last used comes first, so that those in excess grow old. */
  const idle: { member: FunctionProcess; timer: NodeJS.Timeout }[] = [];
  const waiting: (() => void)[] = [];
  let busy = 0;
  let stopped = false;

  async function end(member: FunctionProcess) {
    all.delete(member);
    await member.kill();
  }
  function add(): FunctionProcess {
    const member = start();
    all.add(member);
    return member;
  }
  function take(): FunctionProcess {
    for (let next = idle.pop(); next; next = idle.pop()) {
      clearTimeout(next.timer);
      if (next.member.usable()) return next.member;
      all.delete(next.member);
    }
    return add();
  }
  function giveBack(member: FunctionProcess) {
    if (!member.usable() || stopped) return void end(member);
    const entry = { member, timer: setTimeout(retire, idleMs) };
    entry.timer.unref();
    if (isKept) clearTimeout(entry.timer);
    idle.push(entry);
    function retire() {
      idle.splice(idle.indexOf(entry), 1);
      void end(member);
    }
  }

  if (isKept) giveBack(add());
  return {
    async run(prepare) {
      while (busy >= limit && !stopped) await new Promise<void>((resolve) => waiting.push(resolve));
      if (stopped) throw new Error('The local Lambda has stopped.');
      busy += 1;
      const member = take();
      try {
        return await member.invoke(prepare());
      } finally {
        giveBack(member);
        busy -= 1;
        waiting.shift()?.();
      }
    },
    async stop() {
      stopped = true;
      for (const { timer } of idle) clearTimeout(timer);
      for (const release of waiting.splice(0)) release();
      await Promise.all([...all].map(end));
    },
  };
}
