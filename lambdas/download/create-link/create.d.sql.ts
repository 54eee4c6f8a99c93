/** Written by `npm run statements` from create.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const create: Statement<{
  ipAddress: string | null;
  userAgent: string | null;
  orderId: string;
  linkType: string;
  imageId: string | null;
  tokenHash: string;
  maxDownloads: number;
  linkSeconds: number;
}, {
  id: string;
  expiresAt: string;
  maxDownloads: number;
}>;
