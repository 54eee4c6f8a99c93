/** Written by `npm run statements` from create.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const create: Statement<{
  ipAddress: string | null;
  userAgent: string | null;
  sessionId: string;
  customerEmail: string | null;
  expirySeconds: number;
  photos: string;
}, {
  expiresAt: string;
}>;
