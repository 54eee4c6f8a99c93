/** Written by `npm run statements` from fail.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const fail: Statement<{
  retryable: boolean;
  counted: boolean;
  jobId: string;
  errorCode: string;
  errorMessage: string | null;
  attempt: number;
}, {
  orderId: string;
  outcome: string;
  delaySeconds: number;
  externalJobId: string | null;
  last: boolean;
}>;
