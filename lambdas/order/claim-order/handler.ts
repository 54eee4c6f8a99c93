/** POST /api/orders/claim: exchanges a Checkout Session's id for its order's id, number and key. */
import { z } from 'zod';
import { completedMessage } from '../../payment/messages.ts';
import { payments } from '../../payment/provider.ts';
import { queryOne } from '../../platform/database.ts';
import { clientError, StepError } from '../../platform/errors.ts';
import { apiHandler, jsonBody } from '../../platform/http.ts';
import { send } from '../../platform/messages.ts';
import { orderKey } from '../../platform/order-key.ts';
import { settings } from '../../platform/settings.ts';
import type { Checkout } from '../../providers/payment.ts';
import { claim } from './claim.sql';

const { ORDER_KEY_SECRET_ARN, PLACE_ORDER_QUEUE_URL } = settings({
  ORDER_KEY_SECRET_ARN: z.string(),
  PLACE_ORDER_QUEUE_URL: z.url(),
});

const body = z.object({
  checkoutId: z.string().regex(/^cs_\w{10,250}$/, 'this is not the id of a payment'),
});

/** Webhooks take seconds: until then, handing over would only place every order twice. */
const patienceMs = 60_000;
const waitSeconds = { forWebhook: 1, forHandover: 10 };

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

/** Hands what is complete to `place-order` itself: the webhook is late, and may never come. */
async function handOver(checkout: Checkout): Promise<boolean> {
  const { id, status, paidAt } = checkout;
  if (status !== 'complete' || (paidAt && Date.now() - paidAt.getTime() < patienceMs)) return false;
  await send(PLACE_ORDER_QUEUE_URL, [completedMessage('claim', checkout)], { groupId: id });
  return true;
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
  const wait = (await handOver(checkout)) ? waitSeconds.forHandover : waitSeconds.forWebhook;
  return { status: 202, headers: { 'retry-after': String(wait) }, body: { state } };
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
