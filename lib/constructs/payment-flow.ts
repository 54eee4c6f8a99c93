/** Payment: from a session's photos to an order with its originals; refunds and disputes. */
import { Duration, Stack } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { FilterPattern } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { alarm } from './alarm.ts';
import { ApiStep } from './api-step.ts';
import type { EmailFlow } from './email-flow.ts';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import { QueueStep } from './queue-step.ts';
import type { RestorationFlow } from './restoration-flow.ts';
import { alarmAtRefusedWebhooks } from './webhook-alarm.ts';

type Next = { restoration: RestorationFlow; email: EmailFlow };

export class PaymentFlow extends Construct {
  readonly keepOriginal: QueueStep;
  readonly placeOrder: QueueStep;

  constructor(scope: Construct, id: string, platform: Platform, next: Next) {
    super(scope, id);
    const { database, secrets, storage } = platform;
    const { submitJob, completeOrder } = next.restoration;
    this.keepOriginal = new QueueStep(this, 'KeepOriginal', platform, {
      step: 'payment/keep-original',
      description: 'copies a sold photo to where it stays, and opens its restoration job',
      access: [
        database.statements,
        storage.temp('Find', 'Get'),
        // The copy leaves its tag behind: S3 asks for the right to tag even then.
        storage.originals('Find', 'Get', 'Put', 'PutTagging'),
        submitJob.sending,
        completeOrder.sending,
      ],
    });
    this.placeOrder = new QueueStep(this, 'PlaceOrder', platform, {
      step: 'payment/place-order',
      description: 'makes the order of a completed checkout',
      access: [
        database.statements,
        secrets.stripe,
        storage.originals(),
        this.keepOriginal.sending,
        next.email.sendEmail.sending,
      ],
    });
    const settlePayment = new QueueStep(this, 'SettlePayment', platform, {
      step: 'payment/settle-payment',
      description: 'late payments, refunds, disputes, expired checkouts',
      access: [
        database.statements,
        secrets.stripe,
        storage.temp('Delete'),
        this.keepOriginal.sending,
        completeOrder.sending,
        next.email.sendEmail.sending,
      ],
    });
    const heirs = [this.placeOrder, settlePayment];
    this.publicSteps(platform, heirs);
    this.sweep(platform, heirs);
  }

  /** Hourly, since it asks Stripe: the database sleeps on while nothing was missed. */
  private sweep(platform: Platform, heirs: QueueStep[]): void {
    const sweep = new FlowStep(this, 'SweepPayments', platform, {
      step: 'payment/sweep-payments',
      description: 'finds at Stripe what its webhook never brought',
      timeout: Duration.minutes(5),
      access: [platform.secrets.stripe, ...heirs.map(({ sending }) => sending)],
    });
    new Rule(this, 'Hourly', {
      schedule: Schedule.rate(Duration.hours(1)),
      targets: [new LambdaFunction(sweep.lambda)],
    });
    const late = sweep.lambda.logGroup.addMetricFilter('PaidWithoutOrder', {
      metricNamespace: Stack.of(this).stackName,
      metricName: 'PaidWithoutOrder',
      filterPattern: FilterPattern.stringValue('$.message', '=', 'paid without order'),
    });
    alarm(this, 'PaidWithoutOrderAlarm', {
      metric: late.metric({ statistic: 'Sum' }),
      threshold: 1,
      description: `${sweep.step}: somebody paid an hour ago and has no order`,
      runbook: 'payment-sweep-payments',
    });
  }

  private publicSteps(platform: Platform, heirs: QueueStep[]): void {
    const { database, secrets, storage } = platform;
    new ApiStep(this, 'CreateCheckout', platform, {
      step: 'payment/create-checkout',
      description: 'freezes and prices the photos of a session, and opens Stripe Checkout',
      route: 'POST /api/checkout',
      share: 'costly',
      open: 'Whoever knows the upload session may pay for it.',
      access: [database.statements, secrets.stripe, storage.temp('Find', 'PutTagging')],
      reads: ['PRICE_CENTS', 'CURRENCY', 'CHECKOUT_MORE_SECONDS', 'MAX_CHECKOUTS', 'SITE_URL'],
    });
    const receiveStripeEvent = new ApiStep(this, 'ReceiveStripeEvent', platform, {
      step: 'payment/receive-stripe-event',
      description: 'verifies an event’s signature and queues its ids',
      route: 'POST /api/webhooks/stripe',
      share: 'webhooks',
      reserved: platform.settings.api.webhookReserve,
      open: 'Stripe signs each event; the step verifies it.',
      timeout: Duration.seconds(10),
      access: [secrets.stripe, ...heirs.map(({ sending }) => sending)],
    });
    alarmAtRefusedWebhooks(receiveStripeEvent, 'Stripe');
  }
}
