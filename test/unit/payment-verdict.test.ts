import { describe, expect, test } from '@jest/globals';
import { presupposesPayment, verdict } from '../../lambdas/payment/settle-payment/verdict.ts';
import type { Payment } from '../../lambdas/providers/payment.ts';

const payment = (facts: Partial<Payment>): Payment => ({
  paymentIntentId: 'pi_1',
  uploadSessionId: 's',
  currency: 'USD',
  amountCents: 1000,
  paid: true,
  refundedCents: 0,
  disputed: 'none',
  ...facts,
});

describe('a payment', () => {
  test.each<[string, Partial<Payment>, string]>([
    ['that arrived is paid', {}, 'paid'],
    ['partly given back is partially refunded', { refundedCents: 1 }, 'partially_refunded'],
    ['given back but for a cent is partially refunded', { refundedCents: 999 }, 'partially_refunded'],
    ['given back whole is refunded', { refundedCents: 1000 }, 'refunded'],
    ['given back in excess is refunded', { refundedCents: 1001 }, 'refunded'],
    ['in dispute is disputed', { disputed: 'open' }, 'disputed'],
    ['in dispute is disputed although partly refunded', { disputed: 'open', refundedCents: 5 }, 'disputed'],
    ['whose dispute is lost is refunded: the money is gone', { disputed: 'lost' }, 'refunded'],
    ['whose dispute is won is paid', { disputed: 'won' }, 'paid'],
    ['whose dispute is won stays refunded', { disputed: 'won', refundedCents: 1000 }, 'refunded'],
    ['that has not arrived is pending', { paid: false }, 'pending'],
  ])('%s', (_what, facts, expected) => {
    expect(verdict(payment(facts), false)).toBe(expected);
  });

  test('that will not come has failed', () => {
    expect(verdict(payment({ paid: false }), true)).toBe('failed');
  });

  test('that arrived is not unpaid by an old word of failure', () => {
    expect(verdict(payment({}), true)).toBe('paid');
  });

  test('must have been paid before it can be given back or disputed', () => {
    expect((['partially_refunded', 'refunded', 'disputed'] as const).map(presupposesPayment)).toEqual([
      true,
      true,
      true,
    ]);
    expect((['pending', 'paid', 'failed'] as const).map(presupposesPayment)).toEqual([false, false, false]);
  });
});
