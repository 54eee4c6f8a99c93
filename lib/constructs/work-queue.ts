/** A queue that feeds one step, with the dead-letter queue and the alarms that belong to it. */
import { Duration } from 'aws-cdk-lib';
import { type Alarm, ComparisonOperator, type Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Settings } from '../settings.ts';
import type { Access, FlowStep } from './flow-step.ts';

export type WorkQueueProps = {
  settings: Settings;
  /** The step it feeds: `payment/place-order` is told of it as PLACE_ORDER_QUEUE_URL. */
  step: string;
  /** Timeout of that step; a message stays invisible for six times as long. */
  workTimeout: Duration;
};

export class WorkQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly workTimeout: Duration;
  /** For steps that send to it. */
  readonly sending: Access;
  readonly alarms: Alarm[];

  constructor(scope: Construct, id: string, { settings, step, workTimeout }: WorkQueueProps) {
    super(scope, id);
    this.workTimeout = workTimeout;
    const secured = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    this.deadLetters = new Queue(this, 'DeadLetters', { ...secured, retentionPeriod: Duration.days(14) });
    this.queue = new Queue(this, 'Queue', {
      ...secured,
      visibilityTimeout: Duration.seconds(6 * workTimeout.toSeconds()),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: settings.queues.maxReceiveCount },
    });
    this.sending = {
      environment: { [urlVariable(step)]: this.queue.queueUrl },
      statements: [{ actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] }],
    };
    // Messages that the redrive policy moves do not count as sent to the dead-letter queue: only its length shows them.
    this.alarms = [
      alarm(this, 'DeadLettersAlarm', {
        metric: this.deadLetters.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' }),
        threshold: 1,
        description: `${step}: messages were given up. Runbook: docs/runbooks/${step.replace('/', '-')}.md`,
      }),
      alarm(this, 'BacklogAlarm', {
        metric: this.queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum' }),
        threshold: settings.queues.oldestMessageSeconds,
        description: `${step}: a message waits too long. Runbook: docs/runbooks/${step.replace('/', '-')}.md`,
      }),
    ];
  }

  /** @param maxConcurrency how many batches are worked on at once, 2 to 1,000; unlimited by default */
  feed(
    step: FlowStep,
    { batchSize = 10, maxConcurrency }: { batchSize?: number; maxConcurrency?: number } = {},
  ) {
    step.lambda.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize,
        reportBatchItemFailures: true,
        ...(maxConcurrency && { maxConcurrency }),
      }),
    );
  }
}

function alarm(scope: Construct, id: string, of: { metric: Metric; threshold: number; description: string }) {
  return of.metric.createAlarm(scope, id, {
    alarmDescription: of.description,
    threshold: of.threshold,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}

function urlVariable(step: string): string {
  const name = step.slice(step.indexOf('/') + 1);
  return `${name.toUpperCase().replaceAll('-', '_')}_QUEUE_URL`;
}
