/** Written by `npm run statements` from archive.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const archive: Statement<{
  linkId: string;
}, {
  orderId: string;
  withheld: string | null;
  imageId: string;
  storageBucket: string;
  storagePath: string;
  format: string;
  originalFilename: string;
  restoredAt: string;
}>;
