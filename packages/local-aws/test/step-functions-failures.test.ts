/** Failed states are retried and caught as the Amazon States Language says, in AWS's words. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { AwsError } from '../gateway/index.ts';
import type { LambdaResult } from '../lambda/index.ts';
import {
  allow,
  check,
  checkArn,
  only,
  queueUrl,
  type System,
  startSystem,
  stopSystems,
} from './step-functions-setup.ts';

afterEach(stopSystems);

const failing =
  (errorType: string, times = Number.POSITIVE_INFINITY) =>
  async (payload: unknown): Promise<LambdaResult> => {
    times -= 1;
    return times < 0 ? { payload } : { functionError: { errorType, errorMessage: 'no' } };
  };
const secondsOf = (system: System) => system.calls.map(({ seconds }) => seconds);
/** Lets the clock pass in small steps, so that every retry happens at its own time. */
async function watch(system: System, seconds: number, step: number) {
  for (let passed = 0; passed < seconds; passed += step) await system.pass(step);
}

describe('a retry', () => {
  test('comes 1, 2 and 4 seconds after the failures, three times, when nothing else is said', async () => {
    const system = await startSystem(only({ ...check, Retry: [{ ErrorEquals: ['Throttled'] }] }), {
      lambda: failing('Throttled'),
    });
    const { executionArn = '' } = await system.run();
    await watch(system, 20, 1);
    expect(secondsOf(system)).toEqual([0, 1, 3, 7]);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'FAILED', error: 'Throttled' });
  });

  test('waits by IntervalSeconds and BackoffRate, and MaxDelaySeconds at most', async () => {
    const retrier = {
      ErrorEquals: ['States.ALL'],
      IntervalSeconds: 2,
      BackoffRate: 3,
      MaxAttempts: 4,
      MaxDelaySeconds: 10,
    };
    const system = await startSystem(only({ ...check, Retry: [retrier] }), { lambda: failing('Throttled') });
    await system.run();
    await watch(system, 40, 2);
    expect(secondsOf(system)).toEqual([0, 2, 8, 18, 28]);
  });

  test('is spread over the whole delay by JitterStrategy FULL', async () => {
    const retrier = {
      ErrorEquals: ['States.ALL'],
      IntervalSeconds: 8,
      MaxAttempts: 2,
      JitterStrategy: 'FULL',
    };
    const draws = [0.25, 0.5];
    const system = await startSystem(only({ ...check, Retry: [retrier] }), {
      lambda: failing('Throttled'),
      random: () => draws.shift() ?? 1,
    });
    await system.run();
    await watch(system, 20, 1);
    expect(secondsOf(system)).toEqual([0, 2, 10]);
  });

  test('succeeds as if nothing had been, and sees how often it was tried', async () => {
    const counting = {
      ...check,
      Arguments: { FunctionName: checkArn, Payload: '{% $states.context.State.RetryCount %}' },
    };
    const system = await startSystem(only({ ...counting, Retry: [{ ErrorEquals: ['Throttled'] }] }), {
      lambda: failing('Throttled', 2),
    });
    const { executionArn = '' } = await system.run();
    await watch(system, 4, 1);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'SUCCEEDED', output: '2' });
    expect((await system.history(executionArn)).map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      ...['TaskScheduled', 'TaskStarted', 'TaskFailed'],
      ...['TaskScheduled', 'TaskStarted', 'TaskFailed'],
      ...['TaskScheduled', 'TaskStarted', 'TaskSucceeded'],
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
  });

  test('counts for each retrier by itself', async () => {
    const errors = ['A', 'B', 'A', 'B', 'A'];
    const Retry = [
      { ErrorEquals: ['A'], IntervalSeconds: 1, MaxAttempts: 2 },
      { ErrorEquals: ['B'], IntervalSeconds: 10, MaxAttempts: 1 },
    ];
    const system = await startSystem(only({ ...check, Retry }), {
      lambda: async () => ({ functionError: { errorType: errors.shift() ?? '', errorMessage: 'no' } }),
    });
    const { executionArn = '' } = await system.run();
    await watch(system, 30, 1);
    expect(secondsOf(system)).toEqual([0, 1, 11, 13]);
    expect(await system.describe(executionArn)).toMatchObject({ error: 'B' });
  });

  test('starts counting anew when the state is entered again', async () => {
    const { End, ...task } = check;
    const system = await startSystem(
      {
        StartAt: 'Check',
        States: {
          Check: { ...task, Retry: [{ ErrorEquals: ['A'], MaxAttempts: 1 }], Next: 'Again' },
          Again: {
            Type: 'Choice',
            Choices: [{ Condition: "{% $states.input = 'again' %}", Output: 'last', Next: 'Check' }],
            Default: 'Done',
          },
          Done: { Type: 'Succeed' },
        },
      },
      {
        lambda: (() => {
          const answers = ['A', 'again', 'A', 'last'];
          return async () => {
            const answer = answers.shift() ?? '';
            return answer === 'A'
              ? { functionError: { errorType: 'A', errorMessage: '' } }
              : { payload: answer };
          };
        })(),
      },
    );
    const { executionArn = '' } = await system.run();
    await watch(system, 3, 1);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'SUCCEEDED', output: '"last"' });
  });
});

describe('a catch', () => {
  const catching = (...names: string[]) => ({
    StartAt: 'Check',
    States: {
      Check: {
        ...check,
        Catch: [
          { ErrorEquals: ['Never'], Next: 'Wrong' },
          {
            ErrorEquals: names,
            Assign: { failure: '{% $states.errorOutput %}' },
            Output: { jobId: '{% $states.input.jobId %}' },
            Next: 'FailAttempt',
          },
        ],
      },
      Wrong: { Type: 'Fail' },
      FailAttempt: { Type: 'Succeed', Output: '{% [$states.input, $failure] %}' },
    },
  });

  test('goes on with the error in variables of its own', async () => {
    const system = await startSystem(catching('Throttled'), { lambda: failing('Throttled') });
    expect(await system.outputFor({ jobId: 'j-1' })).toEqual([
      { jobId: 'j-1' },
      { Error: 'Throttled', Cause: '{"errorType":"Throttled","errorMessage":"no"}' },
    ]);
  });

  test('hands the error on when it has no Output', async () => {
    const Catch = [{ ErrorEquals: ['States.TaskFailed'], Next: 'FailAttempt' }];
    const States = { Check: { ...check, Catch }, FailAttempt: { Type: 'Succeed' } };
    const system = await startSystem({ StartAt: 'Check', States }, { lambda: failing('E1000') });
    expect(await system.outputFor()).toMatchObject({ Error: 'E1000' });
  });

  test('comes after the last retry', async () => {
    const { Check, ...others } = catching('States.ALL').States;
    const Retry = [{ ErrorEquals: ['Throttled'], MaxAttempts: 1 }];
    const system = await startSystem(
      { StartAt: 'Check', States: { ...others, Check: { ...Check, Retry } } },
      { lambda: failing('Throttled') },
    );
    const { executionArn = '', status } = await system.run({ jobId: 'j-1' });
    expect(status).toBe('RUNNING');
    await system.pass(1);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
    expect(system.calls).toHaveLength(2);
  });

  test.each([
    ['States.ALL', true],
    ['States.TaskFailed', false],
    ['States.Timeout', true],
  ])('of %s takes a timeout: %s', async (name, takes) => {
    let called = () => {};
    const begun = new Promise<void>((resolve) => {
      called = resolve;
    });
    const { Check, ...others } = catching(name).States;
    const system = await startSystem(
      {
        StartAt: 'Check',
        States: { ...others, Check: { ...Check, TimeoutSeconds: '{% $states.input.limit %}' } },
      },
      {
        lambda: () => {
          called();
          return new Promise(() => {});
        },
      },
    );
    const executionArn = await system.start({ jobId: 'j-1', limit: 60 });
    await begun;
    await system.pass(60);
    const { status, output, error } = await system.describe(executionArn);
    expect({ status, output, error }).toEqual(
      takes
        ? { status: 'SUCCEEDED', output: '[{"jobId":"j-1"},{"Error":"States.Timeout"}]' }
        : { status: 'FAILED', error: 'States.Timeout' },
    );
    expect(await system.history(executionArn)).toContainEqual(
      expect.objectContaining({
        type: 'TaskTimedOut',
        taskTimedOutEventDetails: { error: 'States.Timeout', resource: 'invoke', resourceType: 'lambda' },
      }),
    );
  });

  test('takes an expression that failed in the state', async () => {
    const { Check, ...others } = catching('States.QueryEvaluationError').States;
    const system = await startSystem({
      StartAt: 'Check',
      States: { ...others, Check: { ...Check, Output: '{% $states.result.Payload.absent %}' } },
    });
    expect(await system.outputFor({ jobId: 'j-1' })).toMatchObject([
      {},
      { Error: 'States.QueryEvaluationError' },
    ]);
  });
});

describe('the failure of a Lambda is named', () => {
  const errorOf = async (lambda: () => Promise<LambdaResult>) => {
    const { error, cause } = await (await startSystem(only(check), { lambda })).run();
    return [error, cause];
  };

  test('after the error that the function threw, with all it said as the cause', async () => {
    const functionError = { errorType: 'PredictionGone', errorMessage: 'no p-1', trace: ['at handler'] };
    expect(await errorOf(async () => ({ functionError }))).toEqual([
      'PredictionGone',
      JSON.stringify(functionError),
    ]);
  });

  test('Lambda.Unknown when the function named none', async () => {
    expect(await errorOf(async () => ({ functionError: { errorType: '', errorMessage: '' } }))).toMatchObject(
      ['Lambda.Unknown', expect.any(String)],
    );
  });

  test.each([
    ['Lambda.ResourceNotFoundException', new AwsError('ResourceNotFoundException', 'gone', 404)],
    ['Lambda.TooManyRequestsException', new AwsError('TooManyRequestsException', 'slow', 429)],
    ['Lambda.SdkClientException', new Error('ECONNREFUSED')],
  ])('%s when Lambda itself refused', async (name, refusal) => {
    const [error] = await errorOf(() => Promise.reject(refusal));
    expect(error).toBe(name);
  });
});

describe("the state machine's own policy", () => {
  test('must allow the Lambda', async () => {
    const system = await startSystem(only(check), {
      policy: [allow('lambda:InvokeFunction', `${checkArn}-not`)],
    });
    const { error, cause } = await system.run();
    expect([error, system.calls]).toEqual(['Lambda.AWSLambdaException', []]);
    expect(cause).toContain('lambda:InvokeFunction');
  });

  test('must allow the queue', async () => {
    const send = {
      Type: 'Task',
      Resource: 'arn:aws:states:::sqs:sendMessage',
      Arguments: { QueueUrl: `${queueUrl}-dead`, MessageBody: 'x' },
      End: true,
    };
    const system = await startSystem(only(send));
    const { error, cause } = await system.run();
    expect([error, system.sent]).toEqual(['SQS.AmazonSQSException', []]);
    expect(cause).toContain('arn:aws:sqs:us-east-1:000000000000:fail-attempt-dead');
  });
});
