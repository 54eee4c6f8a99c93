/** Written by `npm run statements` from expire.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const expire: Statement<{
  uploadId: string;
  sessionId: string;
}, {
  expired: number;
}>;
