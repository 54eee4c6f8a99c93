/** Written by `npm run statements` from record.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const record: Statement<{
  size: number;
  mimeType: string;
  width: number;
  height: number;
  etag: string;
  uploadId: string;
  sessionId: string;
}, {
  statusBefore: string;
}>;
