/** Written by `npm run statements` from record.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const record: Statement<{
  checkoutId: string;
  sessionId: string;
  attempt: number;
}, {
  id: string;
}>;
