/** Written by `npm run statements` from restored.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const restored: Statement<{
  jobId: string;
  attempt: number;
  bucket: string;
  path: string;
  size: number;
  mimeType: string;
  format: string;
  width: number;
  height: number;
  crc32: number;
}, {
  orderId: string;
  status: string;
  last: boolean;
}>;
