/** Written by `npm run statements` from fail.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const fail: Statement<{
  imageId: string;
  orderId: string;
  errorCode: string;
}, {
  last: boolean;
}>;
