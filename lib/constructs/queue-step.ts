/** A step fed by a queue, with the dead-letter queue and the alarms that belong to it. */
import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Access } from './access.ts';
import { alarm } from './alarm.ts';
import { type Deployment, FlowStep, type FlowStepProps } from './flow-step.ts';

export type QueueStepProps = FlowStepProps & {
  /** Messages a call; 10 by default. */
  batchSize?: number;
  /** How many batches are worked on at once, 2 to 1,000; the setting of all queues by default. */
  concurrency?: number;
};

export class QueueStep extends FlowStep {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  /** For steps that send to it: `payment/place-order` is told as PLACE_ORDER_QUEUE_URL. */
  readonly sending: Access;

  constructor(scope: Construct, id: string, deployment: Deployment, props: QueueStepProps) {
    super(scope, id, deployment, props);
    const { queues } = deployment.settings;
    const parts = new Construct(scope, `${id}Queue`);
    const secured = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    this.deadLetters = new Queue(parts, 'DeadLetters', { ...secured, retentionPeriod: Duration.days(14) });
    this.queue = new Queue(parts, 'Queue', {
      ...secured,
      visibilityTimeout: Duration.seconds(6 * this.timeout.toSeconds()),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: queues.maxReceiveCount },
    });
    const name = this.step.slice(this.step.indexOf('/') + 1);
    this.sending = {
      environment: { [`${name.toUpperCase().replaceAll('-', '_')}_QUEUE_URL`]: this.queue.queueUrl },
      statements: [{ actions: ['sqs:SendMessage'], resources: [this.queue.queueArn] }],
    };
    const { batchSize = 10, concurrency: maxConcurrency = queues.concurrency } = props;
    // Brings the right to change a message's visibility: a step may say when it comes again.
    this.lambda.addEventSource(
      new SqsEventSource(this.queue, { batchSize, maxConcurrency, reportBatchItemFailures: true }),
    );
    this.lambda.addEnvironment('QUEUE_URL', this.queue.queueUrl);
    this.alarms(parts, queues.oldestMessageSeconds);
  }

  private alarms(scope: Construct, oldestMessageSeconds: number): void {
    const runbook = this.step.replace('/', '-');
    alarm(scope, 'DeadLettersAlarm', {
      // A message that SQS moves does not count as sent there: only the queue's length shows it.
      metric: this.deadLetters.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' }),
      threshold: 1,
      description: `${this.step}: messages were given up`,
      runbook,
    });
    alarm(scope, 'BacklogAlarm', {
      metric: this.queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum' }),
      threshold: oldestMessageSeconds,
      description: `${this.step}: a message waits too long`,
      runbook,
    });
  }
}
