/** Order: what a customer may see and do with an order, holding its key. */
import { Construct } from 'constructs';
import { ApiStep } from './api-step.ts';
import type { EmailFlow } from './email-flow.ts';
import type { PaymentFlow } from './payment-flow.ts';
import type { Platform } from './platform.ts';

type Next = { payment: PaymentFlow; email: EmailFlow };

export class OrderFlow extends Construct {
  constructor(scope: Construct, id: string, platform: Platform, { payment, email }: Next) {
    super(scope, id);
    const { database, secrets } = platform;
    new ApiStep(this, 'ClaimOrder', platform, {
      step: 'order/claim-order',
      description: 'exchanges a paid Checkout Session’s id for the order’s key',
      route: 'POST /api/orders/claim',
      share: 'costly',
      open: 'Only the browser that paid knows the Checkout Session’s id.',
      access: [database.statements, secrets.stripe, secrets.orderKey, payment.placeOrder.sending],
    });
    new ApiStep(this, 'GetOrder', platform, {
      step: 'order/get-order',
      description: 'an order’s status and photos',
      route: 'GET /api/orders/{order}',
      open: 'The step asks for the order’s key.',
      access: [database.statements, secrets.orderKey],
    });
    new ApiStep(this, 'ShareOrder', platform, {
      step: 'order/share-order',
      description: 'mails a share link to the family',
      route: 'POST /api/orders/{order}/share',
      open: 'The step asks for the order’s key.',
      access: [database.statements, secrets.orderKey, email.sendEmail.sending],
      reads: ['SHARE_MAX_RECIPIENTS', 'SHARE_MAX_ROUNDS', 'SHARE_MAX_A_DAY'],
    });
  }
}
