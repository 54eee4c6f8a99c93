/** Restoration: a job is submitted, polled, stored or tried again; the last completes its order. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { EmailFlow } from './email-flow.ts';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import { Poller } from './poller.ts';
import { QueueStep } from './queue-step.ts';

export class RestorationFlow extends Construct {
  readonly submitJob: QueueStep;
  readonly completeOrder: QueueStep;

  constructor(scope: Construct, id: string, platform: Platform, email: EmailFlow) {
    super(scope, id);
    const { database, secrets, settings, storage } = platform;
    this.completeOrder = new QueueStep(this, 'CompleteOrder', platform, {
      step: 'restoration/complete-order',
      description: 'closes an order whose photos are all restored or failed',
      access: [database.statements, email.sendEmail.sending],
    });
    const failAttempt = new QueueStep(this, 'FailAttempt', platform, {
      step: 'restoration/fail-attempt',
      description: 'another attempt later, or failed for good',
      access: [database.statements, secrets.replicate, this.completeOrder.sending],
      reads: ['REPLICATE_MODEL'],
    });
    const poller = this.poller(platform, failAttempt);
    this.submitJob = new QueueStep(this, 'SubmitJob', platform, {
      step: 'restoration/submit-job',
      description: 'creates or adopts a job’s prediction, and starts its poller',
      batchSize: 1,
      concurrency: settings.restoration.submitConcurrency,
      access: [
        database.statements,
        secrets.replicate,
        storage.originals('Find', 'Get'),
        poller.starting,
        failAttempt.sending,
      ],
      reads: ['REPLICATE_MODEL', 'LEASE_SECONDS'],
    });
    failAttempt.allow(this.submitJob.sending);
    // To itself: a job that waits for the provider.
    this.submitJob.allow(this.submitJob.sending);
  }

  private poller(platform: Platform, failAttempt: QueueStep): Poller {
    const { database, secrets, settings, storage } = platform;
    const checkPrediction = new FlowStep(this, 'CheckPrediction', platform, {
      step: 'restoration/check-prediction',
      description: 'one look at a prediction',
      timeout: Duration.seconds(30),
      access: [secrets.replicate],
      reads: ['REPLICATE_MODEL'],
    });
    const storeRestored = new FlowStep(this, 'StoreRestored', platform, {
      step: 'restoration/store-restored',
      description: 'brings the restored photo home and completes its job',
      timeout: Duration.minutes(5),
      memory: 1024,
      access: [
        database.statements,
        storage.restored('Find', 'Get', 'Put', 'AbortMultipart'),
        this.completeOrder.sending,
      ],
      reads: ['REPLICATE_OUTPUT_HOSTS', 'MAX_OUTPUT_BYTES'],
    });
    return new Poller(this, 'Poller', { settings, checkPrediction, storeRestored, failAttempt });
  }
}
