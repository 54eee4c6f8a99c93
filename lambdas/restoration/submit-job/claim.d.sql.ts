/** Written by `npm run statements` from claim.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const claim: Statement<{
  jobId: string;
  leaseSeconds: number;
  attempt: number;
}, {
  outcome: string;
  imageId: string;
  orderId: string;
  storagePath: string;
  externalJobId: string | null;
  queuedAt: string | null;
  scheduledFor: string | null;
}>;
