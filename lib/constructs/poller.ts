/** The poller: a state machine a prediction, and what hears of those that end badly. */
import { Stack, Validations } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Access } from './access.ts';
import { alarm } from './alarm.ts';
import type { FlowStep } from './flow-step.ts';
import { logGroup } from './log-group.ts';
import { pollerDefinition } from './poller-definition.ts';
import type { QueueStep } from './queue-step.ts';

export type PollerProps = {
  settings: Settings;
  checkPrediction: FlowStep;
  storeRestored: FlowStep;
  /** Where attempts go that have failed. */
  failAttempt: QueueStep;
};

/** Replicate ends a prediction at its deadline: the poller sees that end, and gives up later. */
const marginSeconds = 5 * 60;

export class Poller extends Construct {
  private readonly machine: StateMachine;
  /** For the step that starts it. */
  readonly starting: Access;

  constructor(scope: Construct, id: string, props: PollerProps) {
    super(scope, id);
    this.machine = this.stateMachine(props, this.role(props));
    this.starting = {
      environment: { POLLER_ARN: this.machine.stateMachineArn },
      statements: [{ actions: ['states:StartExecution'], resources: [this.machine.stateMachineArn] }],
    };
    this.announceBadEnds(props.failAttempt);
    alarm(this, 'FailedAlarm', {
      metric: this.machine.metricFailed({ statistic: 'Sum' }),
      threshold: 1,
      description: 'A poller crashed',
      runbook: 'poller-failed',
    });
  }

  private role({ checkPrediction, storeRestored, failAttempt }: PollerProps): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') });
    const functions = [checkPrediction, storeRestored].map(({ lambda }) => lambda.functionArn);
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: functions }));
    for (const statement of failAttempt.sending.statements) role.addToPolicy(new PolicyStatement(statement));
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'Log delivery and X-Ray segments know no resources to name.',
    });
    return role;
  }

  private stateMachine({ settings, checkPrediction, storeRestored, failAttempt }: PollerProps, role: Role) {
    const { pollSeconds, deadlineSeconds } = settings.restoration;
    const definition = pollerDefinition({
      checkPredictionArn: checkPrediction.lambda.functionArn,
      storeRestoredArn: storeRestored.lambda.functionArn,
      failAttemptQueueUrl: failAttempt.queue.queueUrl,
      pollSeconds,
      deadlineSeconds: deadlineSeconds + marginSeconds,
    });
    return new StateMachine(this, 'StateMachine', {
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(definition)),
      role,
      tracingEnabled: true,
      logs: {
        level: LogLevel.ALL,
        includeExecutionData: true,
        destination: logGroup(this, settings),
      },
    });
  }

  /** An execution that crashed, timed out or was stopped cannot say so itself. */
  private announceBadEnds({ queue, deadLetters }: QueueStep): void {
    new Rule(this, 'BadEnds', {
      description: 'Pollers that ended without handing their attempt on',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
          stateMachineArn: [this.machine.stateMachineArn],
        },
      },
      targets: [new SqsQueue(queue, { deadLetterQueue: deadLetters })],
    });
  }
}
