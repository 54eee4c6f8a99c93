/** Written by `npm run statements` from stuck.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const stuck: Statement<{
  overdueSeconds: number;
  batch: number;
}, {
  what: string;
  id: string;
  orderId: string;
  since: string;
  attempt: number | null;
  storagePath: string | null;
  uploadPath: string | null;
  etag: string | null;
}>;
