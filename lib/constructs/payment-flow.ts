/** Payment: from the photos in a session to an order with its originals kept, and what becomes of its payment later. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { EmailFlow } from './email-flow.ts';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';
import type { RestorationFlow } from './restoration-flow.ts';
import { WorkQueue } from './work-queue.ts';

type Next = { restoration: RestorationFlow; email: EmailFlow };

const workTimeout = Duration.minutes(1);

export class PaymentFlow extends Construct {
  readonly placeOrder: WorkQueue;
  readonly keepOriginal: WorkQueue;
  readonly settlePayment: WorkQueue;

  constructor(scope: Construct, id: string, platform: Platform, next: Next) {
    super(scope, id);
    const { settings } = platform;
    this.placeOrder = new WorkQueue(this, 'PlaceOrderQueue', {
      settings,
      step: 'payment/place-order',
      workTimeout,
    });
    this.keepOriginal = new WorkQueue(this, 'KeepOriginalQueue', {
      settings,
      step: 'payment/keep-original',
      workTimeout,
    });
    this.settlePayment = new WorkQueue(this, 'SettlePaymentQueue', {
      settings,
      step: 'payment/settle-payment',
      workTimeout,
    });
    this.publicSteps(platform);
    this.orderSteps(platform, next);
    this.keepingStep(platform, next);
  }

  private publicSteps(ground: Platform): void {
    const { api, database, secrets, storage } = ground;
    const createCheckout = new FlowStep(this, 'CreateCheckout', {
      ground,
      step: 'payment/create-checkout',
      description: 'freezes and prices the photos of a session, and opens Stripe Checkout',
      timeout: Duration.seconds(29),
      access: [database.statements, secrets.stripe, storage.temp('PutTagging')],
      reads: ['PRICE_CENTS', 'CURRENCY', 'CHECKOUT_EXPIRY_SECONDS', 'SITE_URL'],
    });
    api.route('POST /api/checkout', createCheckout, 'Whoever knows the upload session may pay for it.');
    const receiveStripeEvent = new FlowStep(this, 'ReceiveStripeEvent', {
      ground,
      step: 'payment/receive-stripe-event',
      description: 'verifies an event’s signature and queues its ids',
      timeout: Duration.seconds(10),
      access: [secrets.stripe, this.placeOrder.sending, this.settlePayment.sending],
    });
    api.route(
      'POST /api/webhooks/stripe',
      receiveStripeEvent,
      'Stripe signs each event; the step verifies it.',
    );
  }

  private orderSteps(ground: Platform, { restoration, email }: Next): void {
    const { database, secrets, storage } = ground;
    const placeOrder = new FlowStep(this, 'PlaceOrder', {
      ground,
      step: 'payment/place-order',
      description: 'makes the order of a completed checkout',
      timeout: workTimeout,
      access: [
        database.statements,
        secrets.stripe,
        storage.originals(),
        this.keepOriginal.sending,
        email.sendEmail.sending,
      ],
    });
    this.placeOrder.feed(placeOrder);
    const settlePayment = new FlowStep(this, 'SettlePayment', {
      ground,
      step: 'payment/settle-payment',
      description: 'late payments, refunds, disputes, expired checkouts',
      timeout: workTimeout,
      access: [
        database.statements,
        secrets.stripe,
        this.keepOriginal.sending,
        restoration.completeOrder.sending,
      ],
    });
    this.settlePayment.feed(settlePayment);
  }

  private keepingStep(ground: Platform, { restoration }: Next): void {
    const { database, storage } = ground;
    const keepOriginal = new FlowStep(this, 'KeepOriginal', {
      ground,
      step: 'payment/keep-original',
      description: 'copies a sold photo to where it stays, and opens its restoration job',
      timeout: workTimeout,
      access: [
        database.statements,
        storage.temp('Get'),
        // The copy leaves its tag behind: S3 asks for the right to tag even then.
        storage.originals('Get', 'Put', 'PutTagging'),
        restoration.submitJob.sending,
        restoration.completeOrder.sending,
      ],
    });
    this.keepOriginal.feed(keepOriginal);
  }
}
