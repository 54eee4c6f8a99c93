/**
 * What to say to who asks for the photos of an order whose money is not here, or is held by a bank.
 */
import { clientError } from '../platform/errors.ts';

const sentences = {
  order_unpaid:
    'This order is not paid yet. As soon as the payment has arrived, its photos can be downloaded and shared.',
  order_refunded:
    'This order was refunded, so its photos can no longer be downloaded or shared. If that is a surprise, please answer one of our emails.',
  order_disputed:
    'Your bank is looking into the payment of this order, so its photos cannot be downloaded or shared until that is settled. They are safe with us.',
};

/**
 * @param withheld what `withheld_because` says of the order's payment
 * @throws StepError 410 `order_refunded` or `order_disputed`, 409 `order_unpaid`
 */
export function refuseWithheld(withheld: string | null): void {
  if (withheld === null) return;
  if (withheld === 'pending' || withheld === 'failed')
    throw clientError('order_unpaid', sentences.order_unpaid, { status: 409 });
  const code = withheld === 'disputed' ? 'order_disputed' : 'order_refunded';
  throw clientError(code, sentences[code], { status: 410 });
}
