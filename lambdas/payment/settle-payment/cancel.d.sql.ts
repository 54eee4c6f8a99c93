/** Written by `npm run statements` from cancel.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const cancel: Statement<{
  orderId: string;
}, {
  cancelled: number;
}>;
