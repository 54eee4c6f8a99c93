/** Takes executions from state to state until they end, and tells EventBridge. */

import type { Activity } from '../clock/index.ts';
import type { EventBridgeEvent } from '../event-bridge/index.ts';
import { type Announce, createAnnounce } from './announce.ts';
import type { Machine } from './definition.ts';
import type { Execution, Status } from './execution.ts';
import { StatesError } from './failure.ts';
import { historyLimit, payload } from './history.ts';
import { type Interruptible, interruptible } from './interruptible.ts';
import { errorDetails } from './tasks.ts';
import { attempt, type Engine, enter, leave, type Running, save } from './visit.ts';

/** How an execution ended; `output` as JSON text. */
export type End = { status: Exclude<Status, 'RUNNING'>; output?: string; error?: string; cause?: string };

/** Stops the work on an execution. Without an `end` it can be resumed where it stands. */
class Interruption extends Error {
  readonly end: End | undefined;

  constructor(end?: End) {
    super('interrupted');
    this.end = end;
  }
}

export type Runner = {
  /** Works on the execution from where it stands until its end, unless something already does. */
  launch(execution: Execution, machine: Machine): void;
  /** Ends a running execution; resolves when that is recorded. */
  end(executionArn: string, end: End): Promise<void>;
  /** Resolves once nothing works on an ended execution any more. */
  settled(executionArn: string): Promise<void>;
  /** Tells EventBridge of the present status unless it knows. */
  announce: Announce;
  /** Stops working on all executions, which stay as they are. */
  stop(): Promise<void>;
};

type RunnerOptions = Omit<Engine, keyof Interruptible> & {
  activity: Activity;
  emit(event: EventBridgeEvent): Promise<void>;
  log(message: string): void;
};

export function createRunner({ activity, emit, log, ...rest }: RunnerOptions): Runner {
  const engine: Engine = { ...rest, ...interruptible(rest.clock, activity) };
  const { executions, clock } = engine;
  const announce = createAnnounce(engine, emit, log);
  const running = new Map<string, { controller: AbortController; done: Promise<void> }>();

  function launch(execution: Execution, machine: Machine): void {
    if (running.has(execution.arn)) return;
    const controller = new AbortController();
    const timeOut = () =>
      controller.abort(new Interruption({ status: 'TIMED_OUT', error: 'States.Timeout' }));
    const left = timeLeft(execution, machine, clock.now());
    if (left <= 0) timeOut();
    const timer = Number.isFinite(left) ? clock.after(left, timeOut) : undefined;
    const done = activity
      .during(() => run({ engine, execution, machine, signal: controller.signal }, announce, log))
      .catch((error: unknown) => log(`Execution ${execution.name} is stuck: ${error}`))
      .finally(() => {
        timer?.cancel();
        running.delete(execution.arn);
      });
    running.set(execution.arn, { controller, done });
  }

  return {
    launch,
    announce,
    async end(executionArn, end) {
      const found = running.get(executionArn);
      found?.controller.abort(new Interruption(end));
      await found?.done;
    },
    async settled(executionArn) {
      if (executions.get(executionArn)?.status !== 'RUNNING') await running.get(executionArn)?.done;
    },
    async stop() {
      const all = [...running.values()];
      for (const { controller } of all) controller.abort(new Interruption());
      await Promise.all(all.map(({ done }) => done));
    },
  };
}

const endings: Record<End['status'], string> = {
  SUCCEEDED: 'ExecutionSucceeded',
  FAILED: 'ExecutionFailed',
  TIMED_OUT: 'ExecutionTimedOut',
  ABORTED: 'ExecutionAborted',
};

/** Works on the execution from where it stands until it ends or is interrupted; records its end. */
async function run(at: Running, announce: Announce, log: (message: string) => void): Promise<void> {
  const { engine, execution } = at;
  const { history, clock } = engine;
  if (history.of(execution.arn).length === 0) {
    const details = payload('input', JSON.parse(execution.input));
    await history.append(execution.arn, { type: 'ExecutionStarted', details });
  }
  await announce(execution);
  const end = await endOf(at, log);
  if (!end) return;
  Object.assign(execution, end, { stoppedAt: Math.floor(clock.now()) });
  await save(engine, execution);
  const { status, output, ...failure } = end;
  const details = output === undefined ? failure : payload('output', JSON.parse(output));
  await history.append(execution.arn, { type: endings[status], details });
  await announce(execution);
}

/** Works until the execution ends, and how; undefined when it was put down to be resumed. */
async function endOf(at: Running, log: (message: string) => void): Promise<End | undefined> {
  try {
    let output: string | undefined;
    while (output === undefined) output = await step(at);
    return { status: 'SUCCEEDED', output };
  } catch (error) {
    if (error instanceof Interruption) return error.end;
    if (error instanceof StatesError) return { status: 'FAILED', ...errorDetails(error) };
    log(`Execution ${at.execution.name} broke: ${error instanceof Error ? error.stack : error}`);
    return { status: 'FAILED', error: 'States.Runtime', cause: String(error) };
  }
}

/** One state, or one try of it; resolves to the output once the last state is left. */
async function step(at: Running): Promise<string | undefined> {
  const { engine, execution, machine, signal } = at;
  signal.throwIfAborted();
  if (engine.history.of(execution.arn).length >= historyLimit) {
    throw new StatesError('States.Runtime', `The execution reached the limit of ${historyLimit} events.`);
  }
  const name = execution.position.state;
  const state = machine.definition.States[name];
  if (!state) throw new StatesError('States.Runtime', `The state machine has no state '${name}'.`);
  await enter(at, state.Type);
  const outcome = await attempt(at, state);
  if (!outcome) return undefined;
  await leave(at, state.Type, outcome);
  return outcome.next === undefined ? JSON.stringify(outcome.output) : undefined;
}

/** ms until the machine's TimeoutSeconds are over, anew after a redrive; Infinity without any. */
function timeLeft(
  { startedAt, redrivenAt = startedAt }: Execution,
  { definition }: Machine,
  now: number,
): number {
  const { TimeoutSeconds: seconds = Number.POSITIVE_INFINITY } = definition;
  return redrivenAt + seconds * 1000 - now;
}
