/** What an order's payment is now, by the provider's truth and not by the event. */
import type { Payment } from '../../providers/payment.ts';

export type PaymentVerdict = 'pending' | 'paid' | 'failed' | 'partially_refunded' | 'refunded' | 'disputed';

/**
 * @param failed whether the event said that the money will not come
 */
export function verdict(payment: Payment, failed: boolean): PaymentVerdict {
  if (!payment.paid) return failed ? 'failed' : 'pending';
  if (payment.disputed === 'open') return 'disputed';
  if (payment.disputed === 'lost' || payment.refundedCents >= payment.amountCents) return 'refunded';
  return payment.refundedCents > 0 ? 'partially_refunded' : 'paid';
}

/** Whether an order still waiting for its money is paid first, even if that was never announced. */
export const presupposesPayment = (verdict: PaymentVerdict) =>
  verdict === 'partially_refunded' || verdict === 'refunded' || verdict === 'disputed';
