/** Written by `npm run statements` from freeze.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const freeze: Statement<{
  ipAddress: string | null;
  userAgent: string | null;
  sessionId: string;
  unitAmountCents: number;
  currency: string;
  onlyArrived: boolean;
  maxAttempts: number;
  moreSeconds: number;
  customerEmail: string | null;
}, {
  known: number;
  sold: boolean;
  arriving: unknown;
  attempt: number | null;
  exhausted: boolean;
  paths: unknown;
  earlierCheckoutId: string | null;
}>;
