/** Written by `npm run statements` from apply.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const apply: Statement<{
  events: string;
}, {
  received: number;
  applied: number;
}>;
