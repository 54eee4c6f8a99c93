/** An execution as the store keeps it, and as it is told to callers. */
import type { Machine } from './definition.ts';

export type Status = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** Where an execution stands: the state it is in or about to enter. */
export type Position = {
  state: string;
  input: unknown;
  /** Set once the state is entered: ms since 1970, and the id of the event that says so. */
  entered?: { at: number; event: number };
  /** How often each retrier of the state has retried. */
  retries: number[];
  /** The end of a Wait, or when the next retry is due; ms since 1970. */
  wakeAt?: number;
};

/** Times in ms since 1970; `input` and `output` as JSON text. */
export type Execution = {
  arn: string;
  machineArn: string;
  name: string;
  input: string;
  status: Status;
  startedAt: number;
  stoppedAt?: number;
  output?: string;
  error?: string;
  cause?: string;
  redriveCount: number;
  redrivenAt?: number;
  variables: Record<string, unknown>;
  position: Position;
  /** The last status that EventBridge has been told of. */
  announced?: Status;
};

const day = 86_400_000;

/** A new execution, about to enter the first state. */
export function newExecution(machine: Machine, name: string, input: string, now: number): Execution {
  return {
    arn: executionArn(machine, name),
    machineArn: machine.arn,
    name,
    input,
    status: 'RUNNING',
    startedAt: now,
    redriveCount: 0,
    variables: {},
    position: { state: machine.definition.StartAt, input: JSON.parse(input), retries: [] },
  };
}

export function executionArn(machine: Machine, name: string): string {
  return `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
}

/** Whether AWS would have forgotten it, and its name be free again: 90 days after its end. */
export function isForgotten({ stoppedAt }: Execution, now: number): boolean {
  return stoppedAt !== undefined && now - stoppedAt >= 90 * day;
}

/** Why the execution cannot be redriven, or undefined when it can. */
export function redriveObstacle({ status, stoppedAt }: Execution, now: number): string | undefined {
  if (status === 'RUNNING' || status === 'SUCCEEDED') return `Execution is ${status} and cannot be redriven`;
  const since = now - (stoppedAt ?? now);
  return since >= 14 * day ? 'Execution has exceeded the redrivable period of 14 days' : undefined;
}

/** The execution as a redrive begins it: in the state that failed, its retries forgotten. */
export function redrivenFrom(execution: Execution, now: number): Execution {
  const { stoppedAt: _, error: __, cause: ___, position, ...kept } = execution;
  const { wakeAt: ____, ...place } = position;
  return {
    ...kept,
    status: 'RUNNING',
    redriveCount: execution.redriveCount + 1,
    redrivenAt: now,
    position: { ...place, retries: [] },
  };
}

/** `$states.context`. */
export function contextOf(execution: Execution, machine: Machine) {
  const { arn, input, name, startedAt, redriveCount, redrivenAt } = execution;
  const { state, entered, retries } = execution.position;
  return {
    Execution: {
      Id: arn,
      Input: JSON.parse(input),
      Name: name,
      StartTime: new Date(startedAt).toISOString(),
      RedriveCount: redriveCount,
      ...(redrivenAt !== undefined && { RedriveTime: new Date(redrivenAt).toISOString() }),
    },
    StateMachine: { Id: machine.arn, Name: machine.name },
    State: {
      Name: state,
      EnteredTime: new Date(entered?.at ?? startedAt).toISOString(),
      RetryCount: retries.reduce((sum, made) => sum + made, 0),
    },
  };
}

/** The execution as DescribeExecution answers it; times in seconds since 1970. */
export function describe(execution: Execution, now: number) {
  const { input, output, error, cause } = execution;
  const obstacle = redriveObstacle(execution, now);
  return {
    ...summary(execution),
    input,
    inputDetails: { included: true },
    ...(output !== undefined && { output, outputDetails: { included: true } }),
    ...(error !== undefined && { error }),
    ...(cause !== undefined && { cause }),
    redriveStatus: obstacle ? 'NOT_REDRIVABLE' : 'REDRIVABLE',
    ...(obstacle && { redriveStatusReason: obstacle }),
  };
}

/** The execution as ListExecutions answers it; times in seconds since 1970. */
export function summary(execution: Execution) {
  const { name, status, stoppedAt, redriveCount, redrivenAt } = execution;
  return {
    executionArn: execution.arn,
    stateMachineArn: execution.machineArn,
    name,
    status,
    startDate: execution.startedAt / 1000,
    ...(stoppedAt !== undefined && { stopDate: stoppedAt / 1000 }),
    redriveCount,
    ...(redrivenAt !== undefined && { redriveDate: redrivenAt / 1000 }),
  };
}
