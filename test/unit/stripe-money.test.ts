import { describe, expect, test } from '@jest/globals';
import { decimalsOf, toMajor, toMinor } from '../../lambdas/providers/money.ts';

describe('money', () => {
  test.each([
    [1234, 'usd', '12.34'],
    [5, 'EUR', '0.05'],
    [0, 'USD', '0.00'],
    [-1234, 'USD', '-12.34'],
    [1200, 'JPY', '1200'],
    [7, 'krw', '7'],
    [12345, 'KWD', '12.345'],
    [9_007_199_254_740_991, 'USD', '90071992547409.91'],
  ])('%d minor units of %s are %s, and back', (minor, currency, major) => {
    expect(toMajor(minor, currency)).toBe(major);
    expect(toMinor(major, currency)).toBe(minor);
  });

  test.each([
    ['1200.00', 'JPY', 1200],
    ['12', 'USD', 1200],
    ['12.5', 'USD', 1250],
    ['12.340', 'USD', 1234],
  ])('%s as the database writes it is read in %s', (major, currency, minor) => {
    expect(toMinor(major, currency)).toBe(minor);
  });

  test.each([
    ['1.005', 'USD'],
    ['0.5', 'JPY'],
    ['1,000.00', 'USD'],
    ['', 'USD'],
    ['1e3', 'USD'],
    ['.5', 'USD'],
    ['99999999999999999.00', 'USD'],
  ])('%p is no amount in %s, and is not rounded to one', (major, currency) => {
    expect(() => toMinor(major, currency)).toThrow(RangeError);
  });

  test('half a cent is refused', () => {
    expect(() => toMajor(0.5, 'USD')).toThrow(RangeError);
  });

  test('every currency that Stripe counts without decimals has none', () => {
    const listed = 'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF'.split(' ');
    expect(listed.filter((currency) => decimalsOf(currency) !== 0)).toEqual([]);
  });
});
