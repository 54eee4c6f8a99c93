/** Written by `npm run statements` from settle.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const settle: Statement<{
  outcome: string;
  emailId: string;
  messageId: string | null;
  subject: string | null;
  doubtSeconds: number;
  errorCode: string | null;
  errorMessage: string | null;
  attempt: number;
}, {
  outcome: string;
  lookAgainSeconds: number | null;
}>;
