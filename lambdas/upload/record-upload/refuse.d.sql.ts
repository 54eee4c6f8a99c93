/** Written by `npm run statements` from refuse.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const refuse: Statement<{
  refusalCode: string;
  etag: string;
  size: number;
  uploadId: string;
  sessionId: string;
}, {
  statusBefore: string;
}>;
