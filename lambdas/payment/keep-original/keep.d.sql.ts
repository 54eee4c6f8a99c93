/** Written by `npm run statements` from keep.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const keep: Statement<{
  imageId: string;
  orderId: string;
}, {
  jobId: string | null;
  attempt: number | null;
}>;
