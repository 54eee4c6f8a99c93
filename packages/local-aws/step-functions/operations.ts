/** Step Functions' API: executions are started, described, listed, stopped and redriven. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type AwsCall, AwsError, type Operations } from '../gateway/index.ts';
import type { Machine } from './definition.ts';
import {
  describe,
  type Execution,
  executionArn,
  isForgotten,
  newExecution,
  redrivenFrom,
  redriveObstacle,
  summary,
} from './execution.ts';
import type { History } from './history.ts';
import type { Runner } from './runner.ts';
import type { Engine } from './visit.ts';

type Context = {
  machines: Map<string, Machine>;
  executions: Engine['executions'];
  history: History;
  runner: Runner;
  /** ms since 1970 */
  now: () => number;
};

type Operation = (context: Context, input: unknown, call: AwsCall) => Promise<unknown>;

/** Times in answers are in seconds since 1970. */
export function createOperations(context: Context): Operations {
  const bound = Object.entries(operations).map(([name, operation]) => {
    return [name, (call: AwsCall, input: unknown) => operation(context, input, call)];
  });
  return Object.fromEntries(bound);
}

const paging = { maxResults: z.int().min(0).max(1000).optional(), nextToken: z.string().optional() };
const ofExecution = z.object({ executionArn: z.string() });
const ofMachine = z.object({ stateMachineArn: z.string() });
const startInput = ofMachine.extend({ name: z.string().optional(), input: z.string().optional() });

async function startExecution(context: Context, body: unknown, call: AwsCall) {
  const { machines, executions, history, runner, now } = context;
  const { stateMachineArn, name = randomUUID(), input = '{}' } = parse(startInput, body);
  call.authorize('states:StartExecution', stateMachineArn);
  const machine = machineOf(machines, stateMachineArn);
  checkName(name);
  checkInput(input);
  const arn = executionArn(machine, name);
  const earlier = executions.get(arn);
  if (earlier && isForgotten(earlier, now())) await history.forget(arn);
  else if (earlier?.status === 'RUNNING' && earlier.input === input) return started(earlier);
  else if (earlier) throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
  const execution = newExecution(machine, name, input, now());
  // Launched before the store answers: whoever sees it running can stop it.
  const stored = executions.put(arn, execution);
  runner.launch(execution, machine);
  await stored;
  return started(execution);
}

function started({ arn, startedAt }: Execution) {
  return { executionArn: arn, startDate: startedAt / 1000 };
}

async function describeExecution({ executions, now }: Context, body: unknown, call: AwsCall) {
  const { executionArn } = parse(ofExecution, body);
  call.authorize('states:DescribeExecution', executionArn);
  return describe(executionOf(executions, executionArn), now());
}

const historyInput = ofExecution.extend({ reverseOrder: z.boolean().optional(), ...paging });

async function getExecutionHistory({ executions, history }: Context, body: unknown, call: AwsCall) {
  const { executionArn, reverseOrder, ...asked } = parse(historyInput, body);
  call.authorize('states:GetExecutionHistory', executionArn);
  const events = history.of(executionOf(executions, executionArn).arn);
  const { items, ...more } = page(reverseOrder ? events.toReversed() : events, asked);
  return { events: items, ...more };
}

const listInput = ofMachine.extend({ statusFilter: z.string().optional(), ...paging });

async function listExecutions({ machines, executions }: Context, body: unknown, call: AwsCall) {
  const { stateMachineArn, statusFilter, ...asked } = parse(listInput, body);
  call.authorize('states:ListExecutions', stateMachineArn);
  machineOf(machines, stateMachineArn);
  const found = executions
    .entries()
    .map(([, execution]) => execution)
    .filter(({ machineArn, status }) => machineArn === stateMachineArn && (statusFilter ?? status) === status)
    .sort((a, b) => b.startedAt - a.startedAt);
  const { items, ...more } = page(found, asked);
  return { executions: items.map(summary), ...more };
}

const stopInput = ofExecution.extend({ error: z.string().optional(), cause: z.string().optional() });

async function stopExecution({ executions, runner }: Context, body: unknown, call: AwsCall) {
  const { executionArn, error, cause } = parse(stopInput, body);
  call.authorize('states:StopExecution', executionArn);
  const execution = executionOf(executions, executionArn);
  const reason = { ...(error !== undefined && { error }), ...(cause !== undefined && { cause }) };
  await runner.end(execution.arn, { status: 'ABORTED', ...reason });
  return { stopDate: (execution.stoppedAt ?? execution.startedAt) / 1000 };
}

async function redriveExecution(context: Context, body: unknown, call: AwsCall) {
  const { executions, history, machines, runner, now } = context;
  const { executionArn } = parse(ofExecution, body);
  call.authorize('states:RedriveExecution', executionArn);
  await runner.settled(executionArn);
  const execution = executionOf(executions, executionArn);
  const obstacle = redriveObstacle(execution, now());
  if (obstacle) throw new AwsError('ExecutionNotRedrivable', obstacle);
  const machine = machineOf(machines, execution.machineArn);
  const redriven = redrivenFrom(execution, now());
  const details = { redriveCount: redriven.redriveCount };
  const stored = [
    executions.put(redriven.arn, redriven),
    history.append(redriven.arn, { type: 'ExecutionRedriven', details }),
  ];
  runner.launch(redriven, machine);
  await Promise.all(stored);
  return { redriveDate: now() / 1000 };
}

async function listStateMachines({ machines }: Context, _: unknown, call: AwsCall) {
  call.authorize('states:ListStateMachines', '*');
  return { stateMachines: [...machines.values()].map(machineSummary) };
}

async function describeStateMachine({ machines }: Context, body: unknown, call: AwsCall) {
  const { stateMachineArn } = parse(ofMachine, body);
  call.authorize('states:DescribeStateMachine', stateMachineArn);
  const machine = machineOf(machines, stateMachineArn);
  return { ...machineSummary(machine), status: 'ACTIVE', definition: JSON.stringify(machine.definition) };
}

function machineSummary({ arn, name }: Machine) {
  // The template does not say when it was deployed, and AWS requires a date.
  return { stateMachineArn: arn, name, type: 'STANDARD', creationDate: 0 };
}

function machineOf(machines: Map<string, Machine>, arn: string): Machine {
  const machine = machines.get(arn);
  if (machine) return machine;
  throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
}

function executionOf(executions: Context['executions'], arn: string): Execution {
  const execution = executions.get(arn);
  if (execution) return execution;
  throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
}

function checkName(name: string): void {
  if (name.length >= 1 && name.length <= 80 && !/[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u.test(name)) return;
  throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
}

function checkInput(input: string): void {
  if (Buffer.byteLength(input) > 262_144) {
    throw new AwsError('ValidationException', 'The input may have 262144 bytes at most.');
  }
  try {
    JSON.parse(input);
  } catch (error) {
    throw new AwsError('InvalidExecutionInput', `Invalid State Machine Execution Input: '${error}'`);
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new AwsError('ValidationException', z.prettifyError(parsed.error));
}

type Paging = z.infer<z.ZodObject<typeof paging>>;

/** One page of the items; the token is the place of the next. */
function page<T>(items: T[], { maxResults, nextToken }: Paging) {
  const first = Number(nextToken ?? 0);
  const next = first + (maxResults || 100);
  return { items: items.slice(first, next), ...(next < items.length && { nextToken: String(next) }) };
}

const operations: Record<string, Operation> = {
  StartExecution: startExecution,
  DescribeExecution: describeExecution,
  GetExecutionHistory: getExecutionHistory,
  ListExecutions: listExecutions,
  StopExecution: stopExecution,
  RedriveExecution: redriveExecution,
  ListStateMachines: listStateMachines,
  DescribeStateMachine: describeStateMachine,
};
