/** Written by `npm run statements` from record.sql. */
import type { Statement } from '../../platform/database.ts';

export declare const record: Statement<{
  checkoutId: string;
  sessionId: string;
  attempt: number;
}, {
  checkoutRow: string;
}>;
