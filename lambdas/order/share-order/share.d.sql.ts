/** Written by `npm run statements` from share.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const share: Statement<{
  ipAddress: string | null;
  userAgent: string | null;
  orderId: string;
  keyVersion: number;
  recipients: string;
  maxADay: number;
  senderName: string | null;
  message: string | null;
  maxRounds: number;
}, {
  withheld: string | null;
  restored: boolean;
  roundsBefore: number;
  recipients: number;
  emailIds: unknown;
}>;
