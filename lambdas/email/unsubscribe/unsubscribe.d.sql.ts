/** Written by `npm run statements` from unsubscribe.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const unsubscribe: Statement<{
  ipAddress: string | null;
  userAgent: string | null;
  emailId: string;
}, {
  known: boolean;
}>;
