/** Written by `npm run statements` from placed.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const placed: Statement<{
  sessionId: string;
}, {
  orderId: string;
  checkoutId: string;
  emailId: string | null;
  imageId: string | null;
  originalKey: string | null;
  uploadKey: string | null;
  uploadEtag: string | null;
}>;
