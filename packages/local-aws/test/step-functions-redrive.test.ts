/** Executions are ended from outside, and go on from the state that failed. */
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { afterEach, describe, expect, test } from '@jest/globals';
import { arnOf, day, hanging, later, mendable, passing, waiting } from './step-functions-examples.ts';
import { check, only, start, startSystem, stopSystems } from './step-functions-setup.ts';
import { heldStore } from './store-setup.ts';

afterEach(stopSystems);

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
