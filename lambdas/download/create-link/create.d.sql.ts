/** Written by `npm run statements` from create.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const create: Statement<{
  ipAddress: string | null;
  userAgent: string | null;
  orderId: string;
  keyVersion: number;
  linkType: string;
  imageId: string | null;
  tokenHash: string;
  maxDownloads: number;
  linkSeconds: number;
}, {
  withheld: string | null;
  spent: boolean;
  linkId: string | null;
  expiresAt: string | null;
  maxDownloads: number | null;
}>;
