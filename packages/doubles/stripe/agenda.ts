/** What time alone does: checkouts expire, bank debits settle, pending refunds arrive. */
import type { Clock, Timer } from '@restoreclick/local-aws';
import type { Ledger } from './ledger.ts';
import { settleDebit } from './payment.ts';
import type { Moment, Purchase } from './purchase.ts';
import { settleRefund } from './refund.ts';
import { expireCheckout } from './session.ts';

/** When time next changes the purchase, in seconds; undefined for never. */
export function nextChange({ session, debit, refundsDue }: Purchase): number | undefined {
  const due = [
    ...(session.status === 'open' ? [session.expires_at] : []),
    ...(debit ? [debit.at] : []),
    ...Object.values(refundsDue),
  ];
  return due.length === 0 ? undefined : Math.min(...due);
}

/** The purchase after all that was due by `moment.now`. */
export function passTime(purchase: Purchase, moment: Moment): Purchase {
  const { session, debit, refundsDue } = purchase;
  let next = purchase;
  if (session.status === 'open' && session.expires_at <= moment.now) next = expireCheckout(next, moment);
  if (debit && debit.at <= moment.now) next = settleDebit(next, moment, debit.outcome);
  for (const [id, at] of Object.entries(refundsDue)) {
    if (at <= moment.now) next = settleRefund(next, id, 'succeeded', moment);
  }
  return next;
}

/**
 * Keeps a timer per purchase, from now on and for those already there.
 * @param track is told of every change under way
 */
export function keepAgenda(
  ledger: Ledger,
  clock: Clock,
  track: (work: Promise<void>) => void,
): { stop(): void } {
  const timers = new Map<string, Timer>();

  function arm(purchase: Purchase) {
    const { id } = purchase.session;
    timers.get(id)?.cancel();
    timers.delete(id);
    const at = nextChange(purchase);
    if (at === undefined) return;
    const wait = at * 1000 - clock.now();
    if (wait <= 0) track(pass(id));
    else
      timers.set(
        id,
        clock.after(wait, () => track(pass(id))),
      );
  }
  async function pass(id: string) {
    const purchase = ledger.find(id);
    if (purchase) await ledger.save(passTime(purchase, ledger.moment()));
  }
  ledger.onSaved(arm);
  for (const purchase of ledger.purchases()) arm(purchase);
  return {
    stop() {
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
  };
}
