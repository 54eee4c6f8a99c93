/** Restoration: a job is submitted to Replicate, polled, stored or tried again; the last photo completes its order. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { EmailFlow } from './email-flow.ts';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import { Poller } from './poller.ts';
import { WorkQueue } from './work-queue.ts';

const workTimeout = Duration.minutes(1);

export class RestorationFlow extends Construct {
  readonly submitJob: WorkQueue;
  readonly failAttempt: WorkQueue;
  readonly completeOrder: WorkQueue;

  constructor(scope: Construct, id: string, platform: Platform, email: EmailFlow) {
    super(scope, id);
    const { settings } = platform;
    this.submitJob = new WorkQueue(this, 'SubmitJobQueue', {
      settings,
      step: 'restoration/submit-job',
      workTimeout,
    });
    this.failAttempt = new WorkQueue(this, 'FailAttemptQueue', {
      settings,
      step: 'restoration/fail-attempt',
      workTimeout,
    });
    this.completeOrder = new WorkQueue(this, 'CompleteOrderQueue', {
      settings,
      step: 'restoration/complete-order',
      workTimeout,
    });
    this.submitting(platform, this.polling(platform));
    this.failing(platform);
    this.completing(platform, email);
  }

  private polling(ground: Platform): Poller {
    const { database, secrets, storage, settings } = ground;
    const checkPrediction = new FlowStep(this, 'CheckPrediction', {
      ground,
      step: 'restoration/check-prediction',
      description: 'one look at a prediction',
      timeout: Duration.seconds(30),
      access: [secrets.replicate],
      reads: ['REPLICATE_MODEL'],
    });
    const storeRestored = new FlowStep(this, 'StoreRestored', {
      ground,
      step: 'restoration/store-restored',
      description: 'brings the restored photo home and completes its job',
      timeout: Duration.minutes(5),
      memory: 1024,
      access: [database.statements, storage.restored('Get', 'Put'), this.completeOrder.sending],
      reads: ['REPLICATE_OUTPUT_HOSTS', 'MAX_OUTPUT_BYTES'],
    });
    return new Poller(this, 'Poller', {
      settings,
      checkPrediction,
      storeRestored,
      failAttempt: this.failAttempt,
    });
  }

  private submitting(ground: Platform, poller: Poller): void {
    const { database, secrets, storage, settings } = ground;
    const submitJob = new FlowStep(this, 'SubmitJob', {
      ground,
      step: 'restoration/submit-job',
      description: 'creates or adopts a job’s prediction, and starts its poller',
      timeout: workTimeout,
      access: [
        database.statements,
        secrets.replicate,
        storage.originals('Get'),
        poller.starting,
        this.failAttempt.sending,
      ],
      reads: ['REPLICATE_MODEL', 'LEASE_SECONDS'],
    });
    this.submitJob.feed(submitJob, { batchSize: 1, maxConcurrency: settings.restoration.submitConcurrency });
  }

  private failing(ground: Platform): void {
    const { database, secrets } = ground;
    const failAttempt = new FlowStep(this, 'FailAttempt', {
      ground,
      step: 'restoration/fail-attempt',
      description: 'another attempt later, or failed for good',
      timeout: workTimeout,
      access: [database.statements, secrets.replicate, this.submitJob.sending, this.completeOrder.sending],
      reads: ['REPLICATE_MODEL'],
    });
    this.failAttempt.feed(failAttempt);
  }

  private completing(ground: Platform, email: EmailFlow): void {
    const completeOrder = new FlowStep(this, 'CompleteOrder', {
      ground,
      step: 'restoration/complete-order',
      description: 'closes an order whose photos are all restored or failed',
      timeout: workTimeout,
      access: [ground.database.statements, email.sendEmail.sending],
    });
    this.completeOrder.feed(completeOrder);
  }
}
