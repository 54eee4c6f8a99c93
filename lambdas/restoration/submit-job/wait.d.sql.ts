/** Written by `npm run statements` from wait.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const wait: Statement<{
  waitSeconds: number;
  spacingSeconds: number;
  jobId: string;
  attempt: number;
}, {
  scheduledFor: string;
}>;
