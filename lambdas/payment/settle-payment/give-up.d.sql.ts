/** Written by `npm run statements` from give-up.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const giveUp: Statement<{
  checkoutId: string;
  eventId: string;
  eventType: string;
}, {
  paths: unknown;
}>;
