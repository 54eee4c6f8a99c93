/** The same photos were paid for twice: the second payment goes back whole. */
import { log } from '../platform/logging.ts';
import { payments } from './provider.ts';

/** Safe to ask for again: the same payment is the same refund. */
export async function refundSecond(paymentIntentId: string): Promise<void> {
  log.warn('paid twice, refunding the second payment', { paymentIntentId });
  await (await payments()).refund({
    paymentIntentId,
    reason: 'duplicate',
    key: `paid-twice-${paymentIntentId}`,
  });
}
