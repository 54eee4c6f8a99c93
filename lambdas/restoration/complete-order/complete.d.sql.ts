/** Written by `npm run statements` from complete.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const complete: Statement<{
  orderId: string;
  maxAttachmentBytes: number;
}, {
  status: string;
  open: number;
  emailId: string | null;
}>;
