/** Written by `npm run statements` from archive.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const archive: Statement<{
  linkId: string;
  holder: string;
  leaseSeconds: number;
}, {
  orderId: string;
  withheld: string | null;
  buildId: string;
  taken: boolean;
  imageId: string;
  storageBucket: string;
  storagePath: string;
  format: string;
  originalFilename: string;
  size: number | null;
  crc32: number | null;
  restoredAt: string;
}>;
