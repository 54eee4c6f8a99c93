/** Each type of state does what the Amazon States Language says of it in JSONata. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { createClock } from '../clock/index.ts';
import { createStepFunctions } from '../step-functions/index.ts';
import { createStore } from '../store/index.ts';
import type { StateMachineModel } from '../template/index.ts';
import { check, machineArn, only, start, startSystem, stopSystems } from './step-functions-setup.ts';

afterEach(stopSystems);

describe('a Pass state', () => {
  test('hands its input on when it says nothing else', async () => {
    const system = await startSystem(only({ Type: 'Pass', End: true }));
    expect(await system.outputFor({ jobId: 'j-1' })).toEqual({ jobId: 'j-1' });
  });

  test('fills in every expression of its Output, however deep', async () => {
    const Output = {
      plain: 'as it is',
      list: [1, '{% $states.input.n + 1 %}'],
      deep: { n: '{% $states.input.n %}' },
    };
    const system = await startSystem(only({ Type: 'Pass', Output, End: true }));
    expect(await system.outputFor({ n: 1 })).toEqual({ plain: 'as it is', list: [1, 2], deep: { n: 1 } });
  });

  test('assigns variables that later states see, and its own Output does not', async () => {
    const system = await startSystem({
      StartAt: 'First',
      States: {
        First: { Type: 'Pass', Assign: { n: 1 }, Next: 'Second' },
        Second: {
          Type: 'Pass',
          Assign: { n: '{% $n + 1 %}', before: '{% $n %}' },
          Output: '{% $n %}',
          Next: 'Third',
        },
        Third: { Type: 'Pass', Output: '{% [$states.input, $n, $before] %}', End: true },
      },
    });
    expect(await system.outputFor()).toEqual([1, 2, 1]);
  });

  test('sees in $states.context where it is', async () => {
    const system = await startSystem(only({ Type: 'Pass', Output: '{% $states.context %}', End: true }));
    const executionArn = await system.start({ jobId: 'j-1' }, 'job-1');
    await system.idle();
    const { output = '' } = await system.describe(executionArn);
    const at = new Date(start).toISOString();
    expect(JSON.parse(output)).toEqual({
      Execution: { Id: executionArn, Input: { jobId: 'j-1' }, Name: 'job-1', StartTime: at, RedriveCount: 0 },
      StateMachine: { Id: machineArn, Name: 'poller' },
      State: { Name: 'Only', EnteredTime: at, RetryCount: 0 },
    });
  });
});

describe('an expression', () => {
  test.each([
    ['$parse(\'{"a": [1]}\')', { a: [1] }],
    ['$random()', 0.5],
    ['$uuid() != $uuid() and $length($uuid()) = 36', true],
    ['$now()', new Date(start).toISOString()],
    ["$now('[Y0001]-[M01]-[D01]')", '2026-11-22'],
    ['$millis()', start],
    ["$sift({'a': 1, 'b': 2}, function($v, $k) { $k = 'a' })", { a: 1 }],
    ['[1, 2, 3][$ > 1]', [2, 3]],
  ])('%s is what Step Functions makes of it', async (expression, value) => {
    const system = await startSystem(only({ Type: 'Pass', Output: `{% ${expression} %}`, End: true }));
    expect(await system.outputFor()).toEqual(value);
  });

  test.each([
    ['$states.input.absent', 'returned nothing (undefined).'],
    ["1 + 'a'", 'threw an error during evaluation. T2002:'],
    ["$eval('1')", 'threw an error during evaluation. $eval is not available; use $parse.'],
    ['$hash("a", "MD5")', 'The local Step Functions does not implement $hash.'],
    ['$random(7)', 'The local Step Functions does not implement $random with a seed.'],
    ['$absent()', 'threw an error during evaluation. T1006: Attempted to invoke a non-function'],
  ])('%s fails the execution, which says where', async (expression, problem) => {
    const system = await startSystem(
      only({ Type: 'Pass', Output: { photo: `{% ${expression} %}` }, End: true }),
    );
    const { status, error, cause = '', executionArn = '' } = await system.run();
    expect([status, error]).toEqual(['FAILED', 'States.QueryEvaluationError']);
    const words =
      "An error occurred while executing the state 'Only' (entered at the event id #2). The JSONata expression";
    expect(cause).toContain(`${words} '${expression}' specified for the field 'Output/photo' `);
    expect(cause).toContain(problem);
    expect(await system.history(executionArn)).toContainEqual(
      expect.objectContaining({
        type: 'EvaluationFailed',
        evaluationFailedEventDetails: {
          error: 'States.QueryEvaluationError',
          cause,
          location: 'Output/photo',
          state: 'Only',
        },
      }),
    );
  });
});

describe('a Choice state', () => {
  const choosing = {
    StartAt: 'Choose',
    States: {
      Choose: {
        Type: 'Choice',
        Choices: [
          { Condition: "{% $states.input.status = 'succeeded' %}", Assign: { by: 'first' }, Next: 'End' },
          { Condition: "{% $states.input.status in ['failed', 'canceled'] %}", Output: 'over', Next: 'End' },
        ],
        Default: 'End',
        Assign: { by: 'default' },
      },
      End: { Type: 'Succeed', Output: "{% [$states.input, $exists($by) ? $by : 'none'] %}" },
    },
  };

  test.each([
    ['succeeded', [{ status: 'succeeded' }, 'first']],
    ['canceled', ['over', 'none']],
    ['processing', [{ status: 'processing' }, 'default']],
  ])('goes on for %s with the Assign and Output of the way it takes', async (status, output) => {
    const system = await startSystem(choosing);
    expect(await system.outputFor({ status })).toEqual(output);
  });

  test('fails when no Condition is true and there is no Default', async () => {
    const { Default, Assign, ...without } = choosing.States.Choose;
    const system = await startSystem({ ...choosing, States: { ...choosing.States, Choose: without } });
    expect(await system.run({ status: 'new' })).toMatchObject({
      status: 'FAILED',
      error: 'States.NoChoiceMatched',
    });
  });

  test('takes nothing but true and false', async () => {
    const Choices = [{ Condition: '{% 1 %}', Next: 'End' }];
    const system = await startSystem({
      StartAt: 'Choose',
      States: { Choose: { Type: 'Choice', Choices }, End: { Type: 'Succeed' } },
    });
    expect(await system.run()).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
  });
});

describe('a Wait state', () => {
  test.each([
    ['Seconds', { Seconds: 90 }],
    ['an expression for Seconds', { Seconds: '{% $states.input.seconds %}' }],
    ['Timestamp', { Timestamp: '2026-11-22T12:01:30Z' }],
    ['an expression for Timestamp', { Timestamp: '{% $states.input.until %}' }],
  ])('waits on the clock by %s', async (_, wait) => {
    const system = await startSystem(only({ Type: 'Wait', ...wait, End: true }));
    const { status, executionArn = '' } = await system.run({
      seconds: 90,
      until: '2026-11-22T13:01:30+01:00',
    });
    expect(status).toBe('RUNNING');
    await system.pass(89.999);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'RUNNING' });
    await system.pass(0.001);
    expect(await system.describe(executionArn)).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('waits no time for a Timestamp that has passed', async () => {
    const system = await startSystem(only({ Type: 'Wait', Timestamp: '2026-11-22T11:59:59Z', End: true }));
    expect(await system.run()).toMatchObject({ status: 'SUCCEEDED' });
  });

  test('fails for what is no number of seconds', async () => {
    const system = await startSystem(only({ Type: 'Wait', Seconds: "{% 'soon' %}", End: true }));
    expect(await system.run()).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
  });
});

test('a Wait fails for what is no time, in the words of AWS', async () => {
  const system = await startSystem(
    only({ Type: 'Wait', Timestamp: "{% '2016-12-05 21:29:29Z' %}", End: true }),
  );
  const { error, cause = '', executionArn = '' } = await system.run();
  const problem = 'cannot be parsed as an ISO-8601 extended offset date-time format string';
  expect(error).toBe('States.QueryEvaluationError');
  expect(cause).toBe(
    `An error occurred while executing the state 'Only' (entered at the event id #2). The Timestamp field ${problem}: 2016-12-05 21:29:29Z`,
  );
  expect((await system.history(executionArn)).slice(2)).toMatchObject([
    {
      type: 'EvaluationFailed',
      evaluationFailedEventDetails: { error, cause, location: 'Timestamp', state: 'Only' },
    },
    { type: 'ExecutionFailed' },
  ]);
});

describe('a Fail state', () => {
  test('without an Error fails the execution without one', async () => {
    const system = await startSystem(only({ Type: 'Fail', Cause: 'That was all.' }));
    const { status, error, cause, executionArn = '' } = await system.run();
    expect({ status, error, cause }).toEqual({ status: 'FAILED', cause: 'That was all.' });
    const ended = (await system.history(executionArn)).at(-1);
    expect(ended?.executionFailedEventDetails).toEqual({ cause: 'That was all.' });
  });

  test('fails the execution with its Error and Cause', async () => {
    const system = await startSystem(
      only({ Type: 'Fail', Error: 'PredictionFailed', Cause: "{% 'It said ' & $states.input.message %}" }),
    );
    expect(await system.run({ message: 'E005' })).toMatchObject({
      status: 'FAILED',
      error: 'PredictionFailed',
      cause: 'It said E005',
    });
  });
});

describe('a state machine is refused when', () => {
  const model = (definition: object): StateMachineModel => ({
    logicalId: 'Poller',
    name: 'poller',
    arn: machineArn,
    definition,
    policy: [],
  });
  const create = (definition: object) =>
    createStepFunctions({
      stateMachines: [model(definition)],
      store: createStore(),
      clock: createClock(),
      invokeLambda: async (_, payload) => ({ payload }),
      sendMessage: async () => ({}),
      authorizeAs: () => {},
      emit: async () => {},
      log: () => {},
    });

  test.each([
    [
      'it is in JSONPath',
      only({ Type: 'Pass', End: true }),
      'state Only: JSONPath is not implemented locally',
    ],
    [
      'one of its states is in JSONPath',
      only({ Type: 'Pass', QueryLanguage: 'JSONPath', End: true }, { QueryLanguage: 'JSONata' }),
      'state Only: JSONPath is not implemented locally',
    ],
    [
      'it has a state of another type',
      only({ Type: 'Map', End: true }, { QueryLanguage: 'JSONata' }),
      'state Only: Map states are not implemented locally',
    ],
    [
      'it calls another service',
      only({ ...check, Resource: 'arn:aws:states:::sns:publish' }, { QueryLanguage: 'JSONata' }),
      'does not implement arn:aws:states:::sns:publish',
    ],
    [
      'it waits for a task token',
      only(
        { ...check, Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken' },
        { QueryLanguage: 'JSONata' },
      ),
      'does not implement arn:aws:states:::lambda:invoke.waitForTaskToken',
    ],
    [
      'it waits until what is no time',
      only({ Type: 'Wait', Timestamp: 'soon', End: true }, { QueryLanguage: 'JSONata' }),
      'States.Only.Timestamp',
    ],
    [
      'it has a field that is not known',
      only({ ...check, HeartbeatSeconds: 5 }, { QueryLanguage: 'JSONata' }),
      'HeartbeatSeconds',
    ],
  ])('%s', async (_, definition, message) => {
    await expect(create(definition)).rejects.toThrow(message);
  });
});
