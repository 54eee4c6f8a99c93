/** Written by `npm run statements` from apply.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const apply: Statement<{
  events: string;
  blockedSeconds: number;
}, {
  received: number;
  applied: number;
  emailId: string | null;
  orderId: string | null;
  scheduledFor: string | null;
}>;
