/** Written by `npm run statements` from open.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const open: Statement<{
  ipAddress: string | null;
  userAgent: string | null;
  viewer: string;
  againSeconds: number;
  tokenHash: string;
  archiveReady: boolean;
  asked: string;
}, {
  linkId: string;
  orderId: string;
  withheld: string | null;
  shared: boolean;
  expired: boolean;
  spent: boolean;
  single: boolean;
  counted: boolean;
  orderNumber: string;
  imageId: string;
  imageType: string;
  storageBucket: string;
  storagePath: string;
  format: string;
  originalFilename: string;
}>;
