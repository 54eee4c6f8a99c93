/** Written by `npm run statements` from session.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const session: Statement<{
  sessionId: string;
}, {
  id: string;
  originalFilename: string;
  status: string;
  refusalCode: string | null;
  width: number | null;
  height: number | null;
  expiresAt: string;
  late: boolean;
  ordered: boolean;
}>;
