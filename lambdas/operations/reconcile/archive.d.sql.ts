/** Written by `npm run statements` from archive.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const archive: Statement<{
  retentionDays: number;
  batch: number;
}, {
  moved: number;
}>;
