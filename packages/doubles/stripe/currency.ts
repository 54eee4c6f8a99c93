/** Of a currency: whether it exists, how it is counted, and its smallest charge. */

const withoutDecimals = new Set('bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf'.split(' '));
const withThreeDecimals = new Set('bhd jod kwd omr tnd'.split(' '));
const existing = new Set(Intl.supportedValuesOf('currency').map((code) => code.toLowerCase()));

/** In minor units; Stripe's list for the currencies it settles in most. */
const smallestCharge: Record<string, number> = {
  ...{ usd: 50, eur: 50, gbp: 30, cad: 50, aud: 50, chf: 50, nzd: 50, sgd: 50, brl: 50, inr: 50, jpy: 50 },
  ...{ dkk: 250, nok: 300, sek: 300, pln: 200, mxn: 1000, hkd: 400, czk: 1500, huf: 17500, ron: 200 },
};

/** Whether that lower-case code is a currency. */
export const exists = (currency: string) => existing.has(currency);

export const smallestChargeIn = (currency: string) => smallestCharge[currency] ?? 0;

/** The kind of bank debit that takes its time, where there is one. */
export const bankDebitIn = (currency: string): string | undefined =>
  ({ usd: 'us_bank_account', eur: 'sepa_debit', gbp: 'bacs_debit', cad: 'acss_debit', aud: 'au_becs_debit' })[
    currency
  ];

/** 1234 and `usd` read `$12.34`. */
export function readable(minor: number, currency: string): string {
  const decimals = withoutDecimals.has(currency) ? 0 : withThreeDecimals.has(currency) ? 3 : 2;
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency,
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(minor / 10 ** decimals);
}
