/** POST /api/orders/claim: exchanges a Checkout Session's id for its order's id, number and key. */
import { z } from 'zod';
import { payments } from '../../payment/provider.ts';
import { queryOne } from '../../platform/database.ts';
import { clientError, StepError } from '../../platform/errors.ts';
import { apiHandler, jsonBody } from '../../platform/http.ts';
import { orderKey } from '../../platform/order-key.ts';
import { settings } from '../../platform/settings.ts';
import { claim } from './claim.sql';

const { ORDER_KEY_SECRET_ARN } = settings({ ORDER_KEY_SECRET_ARN: z.string() });

const body = z.object({
  checkoutId: z.string().regex(/^cs_\w{10,250}$/, 'this is not the id of a payment'),
});

const waitSeconds = 1;

const unknownCheckout = () =>
  clientError(
    'unknown_checkout',
    'We do not know this payment. Please use the link in your confirmation email.',
    { status: 404 },
  );

async function getCheckout(checkoutId: string) {
  try {
    return await (await payments()).getCheckout(checkoutId);
  } catch (error) {
    throw error instanceof StepError && error.code === 'payment_not_found' ? unknownCheckout() : error;
  }
}

/** Without an order: is it on its way, or will there never be one? */
async function waiting(checkoutId: string) {
  const checkout = await getCheckout(checkoutId);
  if (checkout.uploadSessionId === null) throw unknownCheckout();
  if (checkout.status === 'expired')
    throw clientError(
      'checkout_expired',
      'This payment page has expired, and nothing was paid. Please start again from your photos.',
      {
        status: 410,
      },
    );
  const state = checkout.status === 'open' ? 'awaiting_payment' : 'placing_order';
  return { status: 202, headers: { 'retry-after': String(waitSeconds) }, body: { state } };
}

export const handler = apiHandler(async (request) => {
  const { checkoutId } = jsonBody(request, body);
  const { known, id, orderNumber, keyVersion, claimable } = await queryOne(claim, { checkoutId });
  // Whoever makes up ids is not to ask Stripe through us.
  if (!known) throw unknownCheckout();
  if (!id || !keyVersion) return waiting(checkoutId);
  if (!claimable)
    throw clientError(
      'claim_too_late',
      'This payment was made a while ago. Please open your order from the link in your email.',
      { status: 410 },
    );
  const key = await orderKey(ORDER_KEY_SECRET_ARN, id, keyVersion);
  return { status: 200, body: { orderId: id, orderNumber, key } };
});
