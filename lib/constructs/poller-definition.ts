/** The poller's state machine: looks at a prediction until it is stored or has failed. */

export type PollerDefinition = {
  checkPredictionArn: string;
  storeRestoredArn: string;
  failAttemptQueueUrl: string;
  pollSeconds: number;
  /** From its start. Replicate itself ends a prediction earlier. */
  deadlineSeconds: number;
};

/** Failures of the Lambda service, not of the step: tried again soon, spread out. */
const serviceErrors = {
  ErrorEquals: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.TooManyRequestsException',
    'Lambda.ClientExecutionTimeoutException',
  ],
  IntervalSeconds: 2,
  BackoffRate: 2,
  MaxAttempts: 6,
  MaxDelaySeconds: 60,
  JitterStrategy: 'FULL',
};

/** What storing says that no other try of it can mend. */
const finalErrors = {
  ErrorEquals: ['output_gone', 'output_refused', 'output_too_large', 'output_unreadable'],
  MaxAttempts: 0,
};

const anyError = { ...serviceErrors, ErrorEquals: ['States.ALL'], IntervalSeconds: 5 };

/** Replicate keeps what a prediction made for an hour. */
const outputSeconds = 3600;

/** Tries of storing, for as long as there is something to store: about one a minute. */
const untilForgotten = { ...anyError, MaxAttempts: 60, MaxDelaySeconds: 120 };

/**
 * Input: `{ jobId, attempt, predictionId, … }`, handed on to both steps as it is.
 * check-prediction answers `{ state: 'running' }`, `{ state: 'succeeded', outputUrl }` or
 * `{ state: 'failed', code, message }`. The execution succeeds whatever became of the attempt:
 * what failed is fail-attempt's from then on.
 */
export function pollerDefinition(of: PollerDefinition) {
  return {
    Comment: 'Polls a prediction, stores what it made, or hands its attempt to fail-attempt.',
    QueryLanguage: 'JSONata',
    // After the deadline, looks that were refused and storing may each be tried for an hour.
    TimeoutSeconds: of.deadlineSeconds + 2 * outputSeconds,
    StartAt: 'Begin',
    States: {
      Begin: {
        Type: 'Pass',
        Assign: {
          job: '{% $states.input %}',
          deadline: `{% $toMillis($states.context.Execution.StartTime) + ${of.deadlineSeconds * 1000} %}`,
        },
        Next: 'Wait',
      },
      Wait: { Type: 'Wait', Seconds: of.pollSeconds, Next: 'Check' },
      Check: checking(of),
      Decide: deciding(of),
      Store: storing(of),
      FailAttempt: failing(of),
      Succeeded: { Type: 'Succeed' },
    },
  };
}

function checking({ checkPredictionArn }: PollerDefinition) {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: checkPredictionArn, Payload: '{% $job %}' },
    TimeoutSeconds: 60,
    Assign: { look: '{% $states.result.Payload %}' },
    Retry: [serviceErrors],
    // A look that fails says nothing about the prediction, which is paid for: look again.
    Catch: [{ ErrorEquals: ['States.ALL'], Assign: { look: { state: 'refused' } }, Next: 'Decide' }],
    Next: 'Decide',
  };
}

function deciding({ deadlineSeconds }: PollerDefinition) {
  return {
    Type: 'Choice',
    Choices: [
      { Condition: '{% $look.state = "succeeded" %}', Next: 'Store' },
      {
        Condition: '{% $look.state = "failed" %}',
        Assign: { failure: { code: '{% $look.code %}', message: '{% $look.message %}' } },
        Next: 'FailAttempt',
      },
      { Condition: '{% $millis() < $deadline %}', Next: 'Wait' },
      {
        // Nobody has seen that it timed out: it may have ended, and its output be there.
        Condition: `{% $look.state = "refused" and $millis() < $deadline + ${outputSeconds * 1000} %}`,
        Next: 'Wait',
      },
      {
        Condition: '{% $look.state = "refused" %}',
        Assign: {
          failure: { code: 'provider_unavailable', message: 'The prediction could not be looked at.' },
        },
        Next: 'FailAttempt',
      },
    ],
    Default: 'FailAttempt',
    Assign: {
      failure: {
        code: 'prediction_timed_out',
        message: `The prediction had not ended ${deadlineSeconds} seconds after it was submitted.`,
      },
    },
  };
}

function storing({ storeRestoredArn }: PollerDefinition) {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: {
      FunctionName: storeRestoredArn,
      Payload: '{% $merge([$job, { "outputUrl": $look.outputUrl }]) %}',
    },
    TimeoutSeconds: 330,
    Retry: [finalErrors, untilForgotten],
    Catch: [
      {
        ErrorEquals: ['States.ALL'],
        Assign: {
          failure: {
            // A step's own error is named by its code; anything else broke on the way.
            code: '{% $contains($states.errorOutput.Error, /^[a-z_]+$/) ? $states.errorOutput.Error : "output_unavailable" %}',
            message: '{% $substring($states.errorOutput.Error & ": " & $states.errorOutput.Cause, 0, 500) %}',
          },
        },
        Next: 'FailAttempt',
      },
    ],
    Next: 'Succeeded',
  };
}

function failing({ failAttemptQueueUrl }: PollerDefinition) {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::sqs:sendMessage',
    Arguments: {
      QueueUrl: failAttemptQueueUrl,
      MessageBody:
        '{% $string({ "jobId": $job.jobId, "attempt": $job.attempt, "code": $failure.code, "message": $failure.message }) %}',
    },
    Retry: [anyError],
    Next: 'Succeeded',
  };
}
