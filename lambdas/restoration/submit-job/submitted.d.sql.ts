/** Written by `npm run statements` from submitted.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const submitted: Statement<{
  predictionId: string;
  inputParameters: string;
  jobId: string;
  attempt: number;
}, {
  submitted: number;
}>;
