/** Executions are started, told of and listed as AWS does it. */
import {
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  StartExecutionCommand,
  StartSyncExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, test } from '@jest/globals';
import { arnOf, day, hanging, later, passing, waiting } from './step-functions-examples.ts';
import { check, checkArn, machineArn, only, startSystem, stopSystems } from './step-functions-setup.ts';

afterEach(stopSystems);

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
