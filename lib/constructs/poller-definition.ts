/** The poller's state machine: looks at one prediction until it is stored, or its attempt has failed. */

export type PollerDefinition = {
  checkPredictionArn: string;
  storeRestoredArn: string;
  failAttemptQueueUrl: string;
  pollSeconds: number;
  /** After the submission; Replicate itself ends a prediction earlier. */
  deadlineSeconds: number;
};

/** Failures of the Lambda service, not of the step: worth another try at once, spread out so that they do not come together. */
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

const anyError = { ...serviceErrors, ErrorEquals: ['States.ALL'], IntervalSeconds: 5 };

/** Input: `{ jobId, attempt, predictionId, submittedAt? }`, the last an ISO time. Ends in `Succeeded` whatever became of the attempt. */
export function pollerDefinition(of: PollerDefinition) {
  return {
    Comment: 'Polls a prediction, stores what it made, or hands its attempt to fail-attempt.',
    QueryLanguage: 'JSONata',
    // Beyond the deadline lie the retries of storing; Replicate forgets after an hour what they would store.
    TimeoutSeconds: of.deadlineSeconds + 3600,
    StartAt: 'Begin',
    States: {
      Begin: {
        Type: 'Pass',
        Assign: {
          job: '{% $sift($states.input, function($value, $name) { $name in ["jobId", "attempt", "predictionId"] }) %}',
          deadline: `{% $toMillis($exists($states.input.submittedAt) ? $states.input.submittedAt : $states.context.Execution.StartTime) + ${of.deadlineSeconds * 1000} %}`,
        },
        Next: 'Wait',
      },
      Wait: { Type: 'Wait', Seconds: of.pollSeconds, Next: 'Check' },
      Check: checking(of),
      Decide: deciding(of),
      Store: storing(of),
      Stored: {
        Type: 'Choice',
        Choices: [
          {
            Condition: '{% $stored.state = "failed" %}',
            Assign: { failure: failureOf('$stored', 'not_stored') },
            Next: 'FailAttempt',
          },
        ],
        Default: 'Succeeded',
      },
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
    // A look that fails says nothing about the prediction, which is paid for: look again until the deadline.
    Catch: [{ ErrorEquals: ['States.ALL'], Assign: { look: { state: 'running' } }, Next: 'Decide' }],
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
        Assign: { failure: failureOf('$look', 'prediction_failed') },
        Next: 'FailAttempt',
      },
      { Condition: '{% $millis() < $deadline %}', Next: 'Wait' },
    ],
    Default: 'FailAttempt',
    Assign: {
      failure: {
        code: 'deadline',
        message: `The prediction had not ended ${deadlineSeconds} seconds after it was submitted.`,
      },
    },
  };
}

function storing({ storeRestoredArn }: PollerDefinition) {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: storeRestoredArn, Payload: '{% $job %}' },
    TimeoutSeconds: 330,
    Assign: { stored: '{% $states.result.Payload %}' },
    Retry: [serviceErrors, anyError],
    Catch: [
      {
        ErrorEquals: ['States.ALL'],
        Assign: {
          failure: {
            code: 'not_stored',
            message: '{% $substring($states.errorOutput.Error & ": " & $states.errorOutput.Cause, 0, 500) %}',
          },
        },
        Next: 'FailAttempt',
      },
    ],
    Next: 'Stored',
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

/** What a step said of a failure, or a code that says where it came from. */
function failureOf(answer: string, code: string) {
  return {
    code: `{% $exists(${answer}.code) ? ${answer}.code : "${code}" %}`,
    message: `{% $exists(${answer}.message) ? ${answer}.message : "" %}`,
  };
}
