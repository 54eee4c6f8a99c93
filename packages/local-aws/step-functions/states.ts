/** Runs one state of each type: what it does, and what it hands on. */
import { z } from 'zod';
import { type State, type StateOf, timestamp } from './definition.ts';
import { StatesError, withinLimit } from './failure.ts';
import type { NewEvent } from './history.ts';
import type { Task } from './tasks.ts';

/** How a state ended well. Without `next` the execution has succeeded. */
export type Outcome = { next?: string; output: unknown; assigned: Record<string, unknown> };

/** What `$states` holds besides `input` and `context`. */
type Results = { result?: unknown; errorOutput?: unknown };

/** The visit of a state, as the state sees it. */
export type Visit = {
  name: string;
  input: unknown;
  /** Whether a Wait has been waited out, perhaps before a restart. */
  waited: boolean;
  /** Fills in a template with the visit's variables and `$states`. */
  evaluate(template: unknown, location: string, results?: Results): Promise<unknown>;
  /** `failure` with the words in front that AWS puts before a failure of the state itself. */
  failure(error: string, explanation: string): StatesError;
  /** Records that a field could not be evaluated, and resolves to the failure to be thrown. */
  evaluationFailed(location: string, explanation: string): Promise<StatesError>;
  /** Waits until the clock shows `at` (ms since 1970); survives a restart. */
  waitUntil(at: number): Promise<void>;
  /** ms since 1970. */
  now(): number;
  record(event: NewEvent): Promise<unknown>;
  taskOf(resource: string): Task;
  /** Settles as `work` does; fails with `States.Timeout`, or when the execution is ended. */
  within<T>(timeoutSeconds: number | undefined, work: Promise<T>): Promise<T>;
};

/** Runs a state once; failures are StatesErrors. */
export async function perform(state: State, visit: Visit): Promise<Outcome> {
  switch (state.Type) {
    case 'Task':
      return await leave(state, visit, 'Output', await runTask(state, visit));
    case 'Wait':
      if (!visit.waited) await visit.waitUntil(await endOfWait(state, visit));
      return await leave(state, visit, 'Output');
    case 'Choice':
      return await choose(state, visit);
    case 'Pass':
    case 'Succeed':
      return await leave(state, visit, 'Output');
    case 'Fail':
      throw await failureOf(state, visit);
  }
}

/** The outcome of a failure that this state catches, or undefined. */
export async function caught(
  { catcher, index }: { catcher: Rule; index: number },
  failure: StatesError,
  visit: Visit,
): Promise<Outcome> {
  const errorOutput = {
    Error: failure.error,
    ...(failure.explanation !== undefined && { Cause: failure.explanation }),
  };
  return await leave(catcher, visit, `Catch[${index}]/Output`, { errorOutput });
}

type Rule = { Next?: string | undefined; Output?: unknown; Assign?: Record<string, unknown> | undefined };

/** Output and Assign see the same variables: those from before the state. */
async function leave(rule: Rule, visit: Visit, location: string, results: Results = {}): Promise<Outcome> {
  const unsaid = results.errorOutput ?? ('result' in results ? results.result : visit.input);
  const output = rule.Output === undefined ? unsaid : await visit.evaluate(rule.Output, location, results);
  const assign = location.replace(/Output$/, 'Assign');
  const assigned = z
    .record(z.string(), z.unknown())
    .parse(await visit.evaluate(rule.Assign ?? {}, assign, results));
  withinLimit(output, visit.name);
  return { output, assigned, ...(rule.Next !== undefined && { next: rule.Next }) };
}

async function runTask(state: StateOf<'Task'>, visit: Visit): Promise<Results> {
  const task = visit.taskOf(state.Resource);
  const input = withinLimit(
    state.Arguments === undefined ? visit.input : await visit.evaluate(state.Arguments, 'Arguments'),
    visit.name,
  );
  const timeout =
    state.TimeoutSeconds === undefined
      ? undefined
      : await read(positive, state.TimeoutSeconds, 'TimeoutSeconds', visit);
  await visit.record(task.scheduled(input, timeout));
  await visit.record(task.started());
  try {
    const result = withinLimit(await visit.within(timeout, task.run(input)), task.source);
    await visit.record(task.succeeded(result));
    return { result };
  } catch (failure) {
    if (failure instanceof StatesError) await visit.record(task.failed(failure));
    throw failure;
  }
}

async function choose(state: StateOf<'Choice'>, visit: Visit): Promise<Outcome> {
  for (const [index, rule] of state.Choices.entries()) {
    const holds = await read(z.boolean(), rule.Condition, `Choices[${index}]/Condition`, visit);
    if (holds) return await leave(rule, visit, `Choices[${index}]/Output`);
  }
  if (state.Default !== undefined) return await leave({ ...state, Next: state.Default }, visit, 'Output');
  throw visit.failure('States.NoChoiceMatched', 'No Condition is true, and there is no Default.');
}

async function endOfWait({ Seconds, Timestamp }: StateOf<'Wait'>, visit: Visit): Promise<number> {
  if (Timestamp === undefined)
    return visit.now() + (await read(seconds, Seconds ?? 0, 'Seconds', visit)) * 1000;
  const end = await visit.evaluate(Timestamp, 'Timestamp');
  if (timestamp.safeParse(end).success) return Date.parse(String(end));
  const problem = 'cannot be parsed as an ISO-8601 extended offset date-time format string';
  throw await visit.evaluationFailed('Timestamp', `The Timestamp field ${problem}: ${end}`);
}

async function failureOf({ Error: error, Cause }: StateOf<'Fail'>, visit: Visit): Promise<StatesError> {
  const cause = Cause === undefined ? undefined : await read(z.string(), Cause, 'Cause', visit);
  return new StatesError(error === undefined ? '' : await read(z.string(), error, 'Error', visit), cause);
}

const positive = z.int().min(1).max(99_999_999);
const seconds = z.int().min(0).max(99_999_999);

/** A field's value, which must be of the kind that the field needs. */
async function read<T>(schema: z.ZodType<T>, template: unknown, location: string, visit: Visit): Promise<T> {
  const value = await visit.evaluate(template, location);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problem = `${z.prettifyError(parsed.error)}; it was ${JSON.stringify(value)}`;
  const explanation = `The field '${location}' has an unexpected value: ${problem}`;
  throw await visit.evaluationFailed(location, explanation);
}
