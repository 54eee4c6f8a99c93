/** Tasks call Lambda and SQS, and tell of it, as Step Functions does. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { check, checkArn, only, queueUrl, startSystem, stopSystems } from './step-functions-setup.ts';

afterEach(stopSystems);

describe('a Task state', () => {
  test('calls a Lambda by lambda:invoke and gets its answer in Payload', async () => {
    const system = await startSystem(only({ ...check, Output: '{% $states.result %}' }));
    expect(await system.outputFor({ jobId: 'j-1' })).toMatchObject({
      Payload: { jobId: 'j-1' },
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
    });
    expect(system.calls).toEqual([{ functionArn: checkArn, payload: { jobId: 'j-1' }, seconds: 0 }]);
  });

  test('finds a Lambda by its name as well', async () => {
    const system = await startSystem(only({ ...check, Arguments: { FunctionName: 'check', Payload: {} } }));
    await system.outputFor();
    expect(system.calls).toMatchObject([{ functionArn: checkArn }]);
  });

  test('calls a Lambda whose ARN is its Resource, with its input and the bare answer', async () => {
    const system = await startSystem(only({ Type: 'Task', Resource: checkArn, End: true }), {
      lambda: async () => ({ payload: ['seen'] }),
    });
    const executionArn = await system.start({ jobId: 'j-1' });
    await system.idle();
    expect(system.calls).toMatchObject([{ functionArn: checkArn, payload: { jobId: 'j-1' } }]);
    expect(await system.describe(executionArn)).toMatchObject({ output: '["seen"]' });
    expect((await system.history(executionArn)).map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'LambdaFunctionScheduled',
      'LambdaFunctionStarted',
      'LambdaFunctionSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
  });

  test('sends a message to a queue as the state machine', async () => {
    const send = {
      Type: 'Task',
      Resource: 'arn:aws:states:::sqs:sendMessage',
      Arguments: {
        QueueUrl: queueUrl,
        MessageBody: '{% $states.input %}',
        DelaySeconds: 5,
        MessageGroupId: 'order-1',
      },
      End: true,
    };
    const system = await startSystem(only(send));
    expect(await system.outputFor({ jobId: 'j-1' })).toMatchObject({
      MessageId: 'message-1',
      MD5OfMessageBody: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(system.sent).toEqual([
      {
        queueUrl,
        body: '{"jobId":"j-1"}',
        caller: 'Poller',
        options: { delaySeconds: 5, groupId: 'order-1' },
      },
    ]);
  });

  test('assigns from its result', async () => {
    const task = {
      ...check,
      Output: '{% $states.input %}',
      Assign: { look: '{% $states.result.Payload.status %}' },
    };
    const { End, ...onward } = task;
    const system = await startSystem({
      StartAt: 'Check',
      States: { Check: { ...onward, Next: 'End' }, End: { Type: 'Succeed', Output: '{% $look %}' } },
    });
    expect(await system.outputFor({ status: 'starting' })).toBe('starting');
  });

  test('fails for good when more than 256 KiB come back', async () => {
    const system = await startSystem(
      only({
        ...check,
        Retry: [{ ErrorEquals: ['States.ALL'] }],
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Only' }],
      }),
      { lambda: async () => ({ payload: 'x'.repeat(262_144) }) },
    );
    expect(await system.run()).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    expect(system.calls).toHaveLength(1);
  });
});
