/** Order: what a customer may see and do with an order, holding its key. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { EmailFlow } from './email-flow.ts';
import { FlowStep } from './flow-step.ts';
import type { Platform } from './platform.ts';

const timeout = Duration.seconds(29);

export class OrderFlow extends Construct {
  constructor(scope: Construct, id: string, ground: Platform, email: EmailFlow) {
    super(scope, id);
    const { api, database, secrets } = ground;
    const claimOrder = new FlowStep(this, 'ClaimOrder', {
      ground,
      step: 'order/claim-order',
      description: 'exchanges a paid Checkout Session’s id for the order’s key',
      timeout,
      access: [database.statements, secrets.stripe, secrets.orderKey],
    });
    api.route(
      'POST /api/orders/claim',
      claimOrder,
      'Only the browser that paid knows the Checkout Session’s id.',
    );
    const getOrder = new FlowStep(this, 'GetOrder', {
      ground,
      step: 'order/get-order',
      description: 'an order’s status and photos',
      timeout,
      access: [database.statements, secrets.orderKey],
    });
    api.route('GET /api/orders/{order}', getOrder, 'The step asks for the order’s key.');
    const shareOrder = new FlowStep(this, 'ShareOrder', {
      ground,
      step: 'order/share-order',
      description: 'mails a share link to the family',
      timeout,
      access: [database.statements, secrets.orderKey, email.sendEmail.sending],
      reads: ['SHARE_MAX_RECIPIENTS', 'SHARE_MAX_ROUNDS'],
    });
    api.route('POST /api/orders/{order}/share', shareOrder, 'The step asks for the order’s key.');
  }
}
