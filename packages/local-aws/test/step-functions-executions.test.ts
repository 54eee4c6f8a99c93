/** Executions are started, told of, ended, redriven and resumed as AWS does it. */
import {
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  RedriveExecutionCommand,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { LambdaResult } from '../lambda/lambda.ts';
import { heldStore } from './held-store.ts';
import {
  check,
  checkArn,
  machineArn,
  only,
  start,
  startSystem,
  stopSystems,
} from './step-functions-setup.ts';

afterEach(stopSystems);

const day = 86_400;
const arnOf = (name: string) => `arn:aws:states:us-east-1:000000000000:execution:poller:${name}`;
const waiting = only({ Type: 'Wait', Seconds: 600, End: true });
const passing = only({ Type: 'Pass', End: true });
const later = (seconds: number) => new Date(start + seconds * 1000);

/** Fails until told that all is well. */
function mendable() {
  let broken = true;
  return {
    mend: () => {
      broken = false;
    },
    lambda: async (payload: unknown): Promise<LambdaResult> =>
      broken ? { functionError: { errorType: 'Broken', errorMessage: 'no' } } : { payload },
  };
}

/** Answers only when released; `begun` resolves with the first call. */
function hanging() {
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const lambda = () => {
    begin();
    return new Promise<LambdaResult>(() => {});
  };
  return { begun, lambda };
}

describe('StartExecution', () => {
  test('of the same name and input while it runs answers the same execution', async () => {
    const system = await startSystem(waiting);
    const first = await system.start({ jobId: 'j-1' }, 'job-1');
    await system.pass(1);
    const command = new StartExecutionCommand({
      stateMachineArn: machineArn,
      name: 'job-1',
      input: '{"jobId":"j-1"}',
    });
    expect(await system.client.send(command)).toMatchObject({ executionArn: first, startDate: later(0) });
    expect(first).toBe(arnOf('job-1'));
    expect(await system.history(first)).toHaveLength(2);
  });

  test('of the same name and another input is refused', async () => {
    const system = await startSystem(waiting);
    await system.start({ jobId: 'j-1' }, 'job-1');
    await expect(system.start({ jobId: 'j-2' }, 'job-1')).rejects.toMatchObject({
      name: 'ExecutionAlreadyExists',
      message: `Execution Already Exists: '${arnOf('job-1')}'`,
    });
  });

  test('of a name that has ended is refused for 90 days', async () => {
    const system = await startSystem(passing);
    await system.start({ jobId: 'j-1' }, 'job-1');
    await system.idle();
    await system.pass(89 * day);
    await expect(system.start({ jobId: 'j-1' }, 'job-1')).rejects.toMatchObject({
      name: 'ExecutionAlreadyExists',
    });
    await system.pass(day);
    await system.start({ jobId: 'j-2' }, 'job-1');
    await system.idle();
    expect(await system.describe(arnOf('job-1'))).toMatchObject({
      status: 'SUCCEEDED',
      output: '{"jobId":"j-2"}',
    });
    expect(await system.history(arnOf('job-1'))).toHaveLength(4);
  });

  test('twice at once starts one execution', async () => {
    const system = await startSystem(only(check));
    await Promise.all([system.start({}, 'job-1'), system.start({}, 'job-1').catch(() => '')]);
    await system.idle();
    expect(system.calls).toHaveLength(1);
  });

  test.each([
    ['InvalidName', { name: 'job/1' }],
    ['InvalidName', { name: 'x'.repeat(81) }],
    ['InvalidExecutionInput', { input: "{'jobId'}" }],
    ['StateMachineDoesNotExist', { stateMachineArn: `${machineArn}-not` }],
  ])('answers %s where AWS does', async (name, wrong) => {
    const system = await startSystem(passing);
    const command = new StartExecutionCommand({ stateMachineArn: machineArn, ...wrong });
    await expect(system.client.send(command)).rejects.toMatchObject({ name });
  });

  test('needs states:StartExecution', async () => {
    const system = await startSystem(passing);
    const command = () => new StartExecutionCommand({ stateMachineArn: machineArn });
    await expect(system.clientOf('stranger').send(command())).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
    expect(await system.clientOf('submit-job').send(command())).toMatchObject({ startDate: later(0) });
  });
});

describe('an execution', () => {
  test('is described while it runs and after its end', async () => {
    const system = await startSystem(waiting);
    const executionArn = await system.start({ jobId: 'j-1' }, 'job-1');
    await system.idle();
    const running = {
      executionArn,
      stateMachineArn: machineArn,
      name: 'job-1',
      status: 'RUNNING',
      startDate: later(0),
      input: '{"jobId":"j-1"}',
      inputDetails: { included: true },
      redriveCount: 0,
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: 'Execution is RUNNING and cannot be redriven',
    };
    expect(await system.describe(executionArn)).toEqual(running);
    await system.pass(600);
    expect(await system.describe(executionArn)).toEqual({
      ...running,
      status: 'SUCCEEDED',
      stopDate: later(600),
      output: '{"jobId":"j-1"}',
      outputDetails: { included: true },
      redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
    });
  });

  test('has a history in the shape of AWS', async () => {
    const system = await startSystem(
      only({ ...check, TimeoutSeconds: 60, Assign: { seen: true }, Output: '{% $states.result.Payload %}' }),
    );
    const executionArn = await system.start({ jobId: 'j-1' });
    await system.idle();
    const input = '{"jobId":"j-1"}';
    const whole = { truncated: false };
    const of = { resource: 'invoke', resourceType: 'lambda' };
    const output = expect.stringContaining('"Payload":{"jobId":"j-1"}');
    expect(await system.history(executionArn)).toEqual(
      [
        { type: 'ExecutionStarted', executionStartedEventDetails: { input, inputDetails: whole } },
        { type: 'TaskStateEntered', stateEnteredEventDetails: { name: 'Only', input, inputDetails: whole } },
        {
          type: 'TaskScheduled',
          taskScheduledEventDetails: {
            ...of,
            region: 'us-east-1',
            parameters: `{"FunctionName":"${checkArn}","Payload":${input}}`,
            timeoutInSeconds: 60,
          },
        },
        { type: 'TaskStarted', taskStartedEventDetails: of },
        { type: 'TaskSucceeded', taskSucceededEventDetails: { ...of, output, outputDetails: whole } },
        {
          type: 'TaskStateExited',
          stateExitedEventDetails: {
            name: 'Only',
            output: input,
            outputDetails: whole,
            assignedVariables: { seen: 'true' },
            assignedVariablesDetails: whole,
          },
        },
        {
          type: 'ExecutionSucceeded',
          executionSucceededEventDetails: { output: input, outputDetails: whole },
        },
      ].map((event, index) => ({
        ...event,
        id: index + 1,
        previousEventId: index < 2 ? 0 : index,
        timestamp: later(0),
      })),
    );
  });

  test('tells its history in pages, newest first if asked', async () => {
    const system = await startSystem(passing);
    const { executionArn } = await system.run();
    const ask = { executionArn, reverseOrder: true, maxResults: 3 };
    const { events, nextToken } = await system.client.send(new GetExecutionHistoryCommand(ask));
    expect(events?.map(({ id }) => id)).toEqual([4, 3, 2]);
    const rest = await system.client.send(new GetExecutionHistoryCommand({ ...ask, nextToken }));
    expect([rest.events?.map(({ id }) => id), rest.nextToken]).toEqual([[1], undefined]);
  });

  test('is listed by its state machine, newest first, by status, in pages', async () => {
    const system = await startSystem(waiting);
    await system.start({}, 'job-1');
    await system.pass(600);
    await system.start({}, 'job-2');
    await system.pass(1);
    await system.start({}, 'job-3');
    const list = async (ask: object) => {
      const { executions, nextToken } = await system.client.send(
        new ListExecutionsCommand({ stateMachineArn: machineArn, ...ask }),
      );
      return { names: executions?.map(({ name }) => name), nextToken };
    };
    expect((await list({})).names).toEqual(['job-3', 'job-2', 'job-1']);
    expect((await list({ statusFilter: 'SUCCEEDED' })).names).toEqual(['job-1']);
    const { names, nextToken } = await list({ maxResults: 2 });
    expect(names).toEqual(['job-3', 'job-2']);
    expect(await list({ maxResults: 2, nextToken })).toEqual({ names: ['job-1'], nextToken: undefined });
  });

  test('that does not exist is ExecutionDoesNotExist', async () => {
    const system = await startSystem(passing);
    await expect(system.describe(arnOf('none'))).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' });
  });

  test('times out after the TimeoutSeconds of its machine, whatever it is at', async () => {
    const { begun, lambda } = hanging();
    const catching = { ...check, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Only' }] };
    const system = await startSystem(only(catching, { TimeoutSeconds: 300 }), { lambda });
    const executionArn = await system.start();
    await begun;
    await system.pass(300);
    expect(await system.describe(executionArn)).toMatchObject({
      status: 'TIMED_OUT',
      error: 'States.Timeout',
      stopDate: later(300),
    });
    expect((await system.history(executionArn)).at(-1)).toMatchObject({
      type: 'ExecutionTimedOut',
      executionTimedOutEventDetails: { error: 'States.Timeout' },
    });
  });

  test('that never ends is ended after 25,000 events', async () => {
    const system = await startSystem({
      StartAt: 'A',
      States: {
        A: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'End' }], Default: 'A' },
        End: { Type: 'Succeed' },
      },
    });
    expect(await system.run()).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
  });
});

describe('StopExecution', () => {
  test('aborts a running execution for good, with the reason given', async () => {
    const system = await startSystem(waiting);
    const { executionArn } = await system.run();
    const reason = { error: 'Operator', cause: 'the order was refunded' };
    const stop = new StopExecutionCommand({ executionArn, ...reason });
    expect(await system.client.send(stop)).toMatchObject({ stopDate: later(0) });
    await system.pass(600);
    expect(await system.describe(`${executionArn}`)).toMatchObject({ status: 'ABORTED', ...reason });
    expect((await system.history(`${executionArn}`)).at(-1)).toMatchObject({
      type: 'ExecutionAborted',
      executionAbortedEventDetails: reason,
    });
  });

  test('aborts one whose start is being stored', async () => {
    const { store, begun, release } = heldStore('step-functions-executions');
    const system = await startSystem(waiting, { store });
    const started = system.start({}, 'job-1');
    await begun;
    await system.client.send(new StopExecutionCommand({ executionArn: arnOf('job-1') }));
    release();
    await started;
    await system.idle();
    expect(await system.describe(arnOf('job-1'))).toMatchObject({ status: 'ABORTED' });
  });

  test('does not wait for a Lambda under way', async () => {
    const { begun, lambda } = hanging();
    const system = await startSystem(only(check), { lambda });
    const executionArn = await system.start();
    await begun;
    await system.client.send(new StopExecutionCommand({ executionArn }));
    expect(await system.describe(executionArn)).toMatchObject({ status: 'ABORTED' });
  });

  test('leaves an ended execution as it is', async () => {
    const system = await startSystem(passing);
    const { executionArn } = await system.run();
    await system.client.send(new StopExecutionCommand({ executionArn, error: 'Operator' }));
    const { status, error } = await system.describe(`${executionArn}`);
    expect([status, error]).toEqual(['SUCCEEDED', undefined]);
  });
});

describe('RedriveExecution', () => {
  const twoSteps = {
    StartAt: 'Prepare',
    TimeoutSeconds: 1000,
    States: {
      Prepare: {
        Type: 'Pass',
        Assign: { prepared: '{% $millis() %}' },
        Output: { job: 'j-1' },
        Next: 'Check',
      },
      Check: {
        ...check,
        Retry: [{ ErrorEquals: ['Broken'], MaxAttempts: 1 }],
        Output: '{% [$states.result.Payload, $prepared] %}',
      },
    },
  };
  const redrive = (executionArn: string | undefined) => new RedriveExecutionCommand({ executionArn });

  test('goes on from the failed state with its input, its variables and new retries', async () => {
    const { mend, lambda } = mendable();
    const system = await startSystem(twoSteps, { lambda });
    const { executionArn = '' } = await system.run();
    await system.pass(1);
    expect(await system.describe(executionArn)).toMatchObject({
      status: 'FAILED',
      redriveStatus: 'REDRIVABLE',
    });
    await system.pass(900);
    expect(await system.client.send(redrive(executionArn))).toMatchObject({ redriveDate: later(901) });
    await system.idle();
    const { status, stopDate, error } = await system.describe(executionArn);
    expect([status, stopDate, error]).toEqual(['RUNNING', undefined, undefined]);
    mend();
    await system.pass(1);
    expect(await system.describe(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      output: `[{"job":"j-1"},${start}]`,
      startDate: later(0),
      stopDate: later(902),
      redriveCount: 1,
      redriveDate: later(901),
    });
    const types = (await system.history(executionArn)).map(({ type }) => type);
    expect(types.slice(types.indexOf('ExecutionFailed'))).toEqual([
      'ExecutionFailed',
      'ExecutionRedriven',
      ...['TaskScheduled', 'TaskStarted', 'TaskFailed'],
      ...['TaskScheduled', 'TaskStarted', 'TaskSucceeded'],
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
  });

  test('gives the machine its whole time again', async () => {
    const { lambda } = mendable();
    const system = await startSystem(twoSteps, { lambda });
    const { executionArn = '' } = await system.run();
    await system.pass(1);
    await system.pass(5000);
    await system.client.send(redrive(executionArn));
    await system.pass(1);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'FAILED', error: 'Broken' });
  });

  test('goes on after an abort in a Wait', async () => {
    const system = await startSystem(waiting);
    const { executionArn = '' } = await system.run();
    await system.client.send(new StopExecutionCommand({ executionArn }));
    await system.client.send(redrive(executionArn));
    await system.pass(600);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('is refused while it runs, after a success, and 14 days after the end', async () => {
    const { mend, lambda } = mendable();
    const system = await startSystem(twoSteps, { lambda });
    const { executionArn = '' } = await system.run();
    await expect(system.client.send(redrive(executionArn))).rejects.toMatchObject({
      name: 'ExecutionNotRedrivable',
      message: 'Execution is RUNNING and cannot be redriven',
    });
    await system.pass(1);
    await system.pass(14 * day);
    await expect(system.client.send(redrive(executionArn))).rejects.toMatchObject({
      name: 'ExecutionNotRedrivable',
    });
    mend();
    const { executionArn: good } = await system.run();
    await expect(system.client.send(redrive(good))).rejects.toMatchObject({ name: 'ExecutionNotRedrivable' });
  });
});

describe('after a power cut', () => {
  test('a Wait ends when it would have ended', async () => {
    const system = await startSystem(waiting);
    const executionArn = await system.start({ jobId: 'j-1' }, 'job-1');
    await system.pass(500);
    const next = await system.powerCut();
    await next.pass(99);
    expect(await next.describe(executionArn)).toMatchObject({ status: 'RUNNING' });
    await next.pass(1);
    expect(await next.describe(executionArn)).toMatchObject({
      status: 'SUCCEEDED',
      startDate: later(0),
      stopDate: later(600),
    });
    expect((await next.history(executionArn)).map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'WaitStateEntered',
      'WaitStateExited',
      'ExecutionSucceeded',
    ]);
  });

  test('a Task that was under way runs again, with the variables it had', async () => {
    const { begun, lambda } = hanging();
    const { End, ...task } = check;
    const definition = {
      StartAt: 'Begin',
      States: {
        Begin: { Type: 'Pass', Assign: { job: '{% $states.input.jobId %}' }, Next: 'Check' },
        Check: { ...task, Arguments: { FunctionName: checkArn, Payload: '{% $job %}' }, End: true },
      },
    };
    const system = await startSystem(definition, { lambda });
    const executionArn = await system.start({ jobId: 'j-1' });
    await begun;
    const next = await system.powerCut({ lambda: async (payload) => ({ payload }) });
    expect(await next.describe(executionArn)).toMatchObject({ status: 'SUCCEEDED', output: '"j-1"' });
    expect(next.calls).toHaveLength(1);
  });

  test('a retry comes when it was due, and those before it count', async () => {
    const { lambda } = mendable();
    const retrier = { ErrorEquals: ['Broken'], IntervalSeconds: 10, MaxAttempts: 2 };
    const system = await startSystem(only({ ...check, Retry: [retrier] }), { lambda });
    const { executionArn = '' } = await system.run();
    await system.pass(10);
    await system.pass(5);
    const next = await system.powerCut();
    await next.pass(14);
    expect(next.calls).toEqual([]);
    await next.pass(1);
    expect(next.calls).toHaveLength(1);
    expect(await next.describe(executionArn)).toMatchObject({ status: 'FAILED', error: 'Broken' });
  });

  test('the time of the machine has not stood still', async () => {
    const system = await startSystem(
      only({ Type: 'Wait', Seconds: 600, End: true }, { TimeoutSeconds: 300 }),
    );
    const { executionArn = '' } = await system.run();
    await system.pass(200);
    const next = await system.powerCut();
    await next.pass(100);
    expect(await next.describe(executionArn)).toMatchObject({ status: 'TIMED_OUT' });
  });

  test('what has started before the resume goes on once', async () => {
    const system = await startSystem(only({ ...check, Retry: [{ ErrorEquals: ['Broken'] }] }), mendable());
    await system.run();
    await system.resume();
    await system.pass(1);
    expect(system.calls).toHaveLength(2);
  });

  test('what ended stays ended, and its name taken', async () => {
    const system = await startSystem(only(check));
    const executionArn = await system.start({}, 'job-1');
    await system.idle();
    const next = await system.powerCut();
    expect(next.calls).toEqual([]);
    expect(await next.history(executionArn)).toHaveLength(7);
    await expect(next.start({}, 'job-1')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  });

  test('an end that EventBridge did not get is announced', async () => {
    const system = await startSystem(passing, {
      emit: ({ detail }) => {
        if (JSON.stringify(detail).includes('SUCCEEDED')) throw new Error('out of order');
      },
    });
    await system.run();
    expect(system.events).toHaveLength(1);
    const next = await system.powerCut({ emit: () => {} });
    expect(next.events).toMatchObject([{ detail: { status: 'SUCCEEDED' } }]);
    const last = await next.powerCut();
    expect(last.events).toEqual([]);
  });
});

describe('EventBridge hears', () => {
  test('of the start and the end, in the words of AWS', async () => {
    const system = await startSystem(waiting);
    const executionArn = await system.start({ jobId: 'j-1' }, 'job-1');
    await system.pass(600);
    const event = {
      version: '0',
      id: expect.any(String),
      'detail-type': 'Step Functions Execution Status Change',
      source: 'aws.states',
      account: '000000000000',
      region: 'us-east-1',
      resources: [executionArn],
    };
    const detail = {
      executionArn,
      stateMachineArn: machineArn,
      name: 'job-1',
      status: 'RUNNING',
      startDate: start,
      stopDate: null,
      input: '{"jobId":"j-1"}',
      output: null,
      error: null,
      cause: null,
      redriveCount: 0,
      redriveDate: null,
    };
    expect(system.events).toEqual([
      { ...event, time: '2026-11-22T12:00:00Z', detail },
      {
        ...event,
        time: '2026-11-22T12:10:00Z',
        detail: { ...detail, status: 'SUCCEEDED', stopDate: start + 600_000, output: '{"jobId":"j-1"}' },
      },
    ]);
  });

  test('of failures, timeouts, aborts and redrives', async () => {
    const statuses = (events: { detail: unknown }[]) =>
      events.map(({ detail }) => (detail instanceof Object && 'status' in detail ? detail.status : ''));
    const failed = await startSystem(only({ Type: 'Fail', Error: 'Bad', Cause: 'why' }));
    const { executionArn } = await failed.run();
    expect(failed.events.at(-1)).toMatchObject({ detail: { status: 'FAILED', error: 'Bad', cause: 'why' } });
    await failed.client.send(new RedriveExecutionCommand({ executionArn }));
    await failed.idle();
    expect(statuses(failed.events)).toEqual(['RUNNING', 'FAILED', 'RUNNING', 'FAILED']);

    const late = await startSystem(only({ Type: 'Wait', Seconds: 600, End: true }, { TimeoutSeconds: 300 }));
    await late.run();
    await late.pass(300);
    expect(statuses(late.events)).toEqual(['RUNNING', 'TIMED_OUT']);

    const stopped = await startSystem(waiting);
    const { executionArn: running } = await stopped.run();
    await stopped.client.send(new StopExecutionCommand({ executionArn: running }));
    expect(statuses(stopped.events)).toEqual(['RUNNING', 'ABORTED']);
  });
});

describe('Step Functions', () => {
  test('lists and describes its state machines', async () => {
    const system = await startSystem(passing);
    const { stateMachines } = await system.client.send(new ListStateMachinesCommand({}));
    expect(stateMachines).toMatchObject([{ stateMachineArn: machineArn, name: 'poller', type: 'STANDARD' }]);
    const { definition = '' } = await system.client.send(
      new DescribeStateMachineCommand({ stateMachineArn: machineArn }),
    );
    expect(JSON.parse(definition)).toMatchObject(passing);
  });

  test('says which call it does not implement', async () => {
    const system = await startSystem(passing);
    const command = new StartSyncExecutionCommand({ stateMachineArn: machineArn });
    system.client.middlewareStack.add(
      (next) => (args) => {
        const { request } = args;
        if (request instanceof Object && 'hostname' in request) request.hostname = '127.0.0.1';
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    await expect(system.client.send(command)).rejects.toMatchObject({
      name: 'NotImplemented',
      message: 'The local Step Functions does not implement StartSyncExecution.',
    });
  });
});
