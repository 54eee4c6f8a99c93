/** Payment: from a session's photos to an order with its originals; refunds and disputes. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ApiStep } from './api-step.ts';
import type { EmailFlow } from './email-flow.ts';
import type { Platform } from './platform.ts';
import { QueueStep } from './queue-step.ts';
import type { RestorationFlow } from './restoration-flow.ts';
import { alarmAtRefusedWebhooks } from './webhook-alarm.ts';

type Next = { restoration: RestorationFlow; email: EmailFlow };

export class PaymentFlow extends Construct {
  readonly keepOriginal: QueueStep;

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
    const placeOrder = new QueueStep(this, 'PlaceOrder', platform, {
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
    this.publicSteps(platform, [placeOrder, settlePayment]);
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
