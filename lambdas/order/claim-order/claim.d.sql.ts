/** Written by `npm run statements` from claim.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const claim: Statement<{
  checkoutId: string;
}, {
  known: boolean;
  id: string | null;
  orderNumber: string | null;
  keyVersion: number | null;
  claimable: boolean | null;
}>;
