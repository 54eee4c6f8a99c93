/** Executions go on after a restart, and EventBridge hears of each status once. */
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, test } from '@jest/globals';
import { hanging, later, mendable, passing, waiting } from './step-functions-examples.ts';
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
