/** Written by `npm run statements` from hold.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const hold: Statement<{
  leaseSeconds: number;
  buildId: string;
  holder: string;
}, {
  id: string;
}>;
