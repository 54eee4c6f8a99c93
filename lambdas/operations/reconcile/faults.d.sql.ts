/** Written by `npm run statements` from faults.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const faults: Statement<{
  withinSeconds: number;
  restedSeconds: number;
  orders: number;
  batch: number;
}, {
  what: string;
  id: string;
  orderId: string;
}>;
