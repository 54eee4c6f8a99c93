/** Money between a provider's minor units (cents) and the database's decimal strings. */

/** Currencies whose minor unit is the unit itself: ¥1,200 is 1200, not 120000. */
const withoutDecimals = new Set('BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF'.split(' '));
const withThreeDecimals = new Set(['BHD', 'JOD', 'KWD', 'OMR', 'TND']);

/** How many digits follow the decimal point in amounts of that currency (ISO 4217, any case). */
export function decimalsOf(currency: string): 0 | 2 | 3 {
  const code = currency.toUpperCase();
  if (withoutDecimals.has(code)) return 0;
  return withThreeDecimals.has(code) ? 3 : 2;
}

/** 1234 and `usd` are `'12.34'`; 1200 and `JPY` are `'1200'`. Exact, without floating point. */
export function toMajor(minor: number, currency: string): string {
  if (!Number.isSafeInteger(minor)) throw new RangeError(`${minor} is not a whole number of minor units`);
  const decimals = decimalsOf(currency);
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  return `${minor < 0 ? '-' : ''}${whole}${decimals === 0 ? '' : `.${digits.slice(-decimals)}`}`;
}

/**
 * `'12.34'` and `usd` are 1234. Zeros beyond the currency's decimals are fine (a `DECIMAL(10,2)` of
 * yen reads `'1200.00'`); any other digit there is a RangeError: money is not rounded here.
 */
export function toMinor(major: string, currency: string): number {
  const [, sign = '', whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(major) ?? [];
  const decimals = decimalsOf(currency);
  const beyond = fraction.slice(decimals);
  if (whole === undefined || !/^0*$/.test(beyond)) {
    throw new RangeError(`'${major}' is not an amount in ${currency.toUpperCase()}`);
  }
  const minor = Number(whole + fraction.slice(0, decimals).padEnd(decimals, '0'));
  if (!Number.isSafeInteger(minor)) throw new RangeError(`'${major}' is too large`);
  return sign === '-' && minor !== 0 ? -minor : minor;
}
