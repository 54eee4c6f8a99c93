/** Written by `npm run statements` from waiting.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const waiting: Statement<{
  sessionId: string;
}, {
  id: string;
  originalFilename: string;
  storagePath: string;
  mimeType: string;
  fileSizeBytes: number;
  expiresAt: string;
  waiting: boolean;
}>;
