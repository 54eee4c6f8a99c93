/** One visit of a state: enter, perform with retries and catches, leave; each change is stored. */
import type { Clock } from '../clock/index.ts';
import type { Collection } from '../store/index.ts';
import type { Machine, Retrier, State } from './definition.ts';
import { contextOf, type Execution } from './execution.ts';
import { type Evaluate, EvaluationError } from './expressions.ts';
import { StatesError } from './failure.ts';
import { type History, payload } from './history.ts';
import type { Interruptible } from './interruptible.ts';
import { catcherOf, nextRetry } from './retry.ts';
import { caught, type Outcome, perform, type Visit } from './states.ts';
import { type Backends, errorDetails, taskOf } from './tasks.ts';

/** What every execution is run with. */
export type Engine = Interruptible & {
  executions: Collection<Execution>;
  history: History;
  evaluate: Evaluate;
  clock: Clock;
  random: () => number;
  backends: Backends;
};

/** An execution being worked on; `signal` aborts when it is ended or put down. */
export type Running = { engine: Engine; execution: Execution; machine: Machine; signal: AbortSignal };

/** Enters the execution's state unless it did before a restart, a retry or a redrive. */
export async function enter({ engine, execution }: Running, type: State['Type']): Promise<void> {
  const { position } = execution;
  if (position.entered) return;
  const details = { name: position.state, ...payload('input', position.input) };
  const event = await engine.history.append(execution.arn, { type: `${type}StateEntered`, details });
  position.entered = { at: Math.floor(engine.clock.now()), event };
  await save(engine, execution);
}

/** Performs the execution's state once; resolves to nothing when a retry is to follow. */
export async function attempt(at: Running, state: State): Promise<Outcome | undefined> {
  const { position } = at.execution;
  if (position.wakeAt !== undefined) await at.engine.sleepUntil(position.wakeAt, at.signal);
  const visit = visitOf(at);
  try {
    return await perform(state, visit);
  } catch (failure) {
    if (!(failure instanceof StatesError) || state.Type !== 'Task') throw failure;
    if (await willRetry(at, state.Retry, failure)) return undefined;
    const found = catcherOf(state.Catch, failure.error);
    if (!found) throw failure;
    return await caught(found, failure, visit);
  }
}

async function willRetry(
  { engine, execution }: Running,
  retriers: Retrier[],
  { error }: StatesError,
): Promise<boolean> {
  const { position } = execution;
  const retry = nextRetry(retriers, position.retries, error, engine.random);
  if (!retry) return false;
  position.retries = retriers.map(
    (_, index) => (position.retries[index] ?? 0) + Number(index === retry.retrier),
  );
  position.wakeAt = engine.clock.now() + retry.delayMs;
  await save(engine, execution);
  return true;
}

/** Moves the execution on to the next state, if there is one. */
export async function leave(
  { engine, execution }: Running,
  type: State['Type'],
  outcome: Outcome,
): Promise<void> {
  const { next, output, assigned } = outcome;
  const { state } = execution.position;
  if (next !== undefined) {
    execution.variables = { ...execution.variables, ...assigned };
    execution.position = { state: next, input: output, retries: [] };
    await save(engine, execution);
  }
  const variables = Object.entries(assigned).map(([name, value]) => [name, JSON.stringify(value)]);
  const details = {
    name: state,
    ...payload('output', output),
    ...(variables.length > 0 && {
      assignedVariables: Object.fromEntries(variables),
      assignedVariablesDetails: { truncated: false },
    }),
  };
  await engine.history.append(execution.arn, { type: `${type}StateExited`, details });
}

function visitOf({ engine, execution, machine, signal }: Running): Visit {
  const { position } = execution;
  const { state: name, input } = position;
  const where = `An error occurred while executing the state '${name}' (entered at the event id #${position.entered?.event}).`;
  const failure: Visit['failure'] = (error, explanation) => new StatesError(error, `${where} ${explanation}`);
  const record: Visit['record'] = (event) => engine.history.append(execution.arn, event);
  const evaluationFailed: Visit['evaluationFailed'] = async (location, explanation) => {
    const failed = failure('States.QueryEvaluationError', explanation);
    const details = { ...errorDetails(failed), location, state: name };
    await record({ type: 'EvaluationFailed', details });
    return failed;
  };
  return {
    name,
    input,
    waited: position.wakeAt !== undefined,
    failure,
    evaluationFailed,
    record,
    now: engine.clock.now,
    taskOf: (resource) => taskOf(resource, machine, engine.backends),
    within: (seconds, work) => engine.within(seconds, work, signal),
    async waitUntil(at) {
      position.wakeAt = at;
      await save(engine, execution);
      await engine.sleepUntil(at, signal);
    },
    async evaluate(template, location, results) {
      const states = { input, context: contextOf(execution, machine), ...results };
      try {
        return await engine.evaluate(template, { variables: execution.variables, states }, location);
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        throw await evaluationFailed(error.location, error.message);
      }
    },
  };
}

/** Stores the execution as it is now. */
export function save({ executions }: Pick<Engine, 'executions'>, execution: Execution): Promise<void> {
  return executions.put(execution.arn, execution);
}
