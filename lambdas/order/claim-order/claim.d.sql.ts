/** Written by `npm run statements` from claim.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const claim: Statement<{
  checkoutId: string;
}, {
  id: string;
  orderNumber: string;
  keyVersion: number;
  claimable: boolean;
}>;
