/** Written by `npm run statements` from claim.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const claim: Statement<{
  emailId: string;
  leaseSeconds: number;
  seed: string;
  maxDownloads: number;
  linkSeconds: number;
}, {
  outcome: string;
  waitSeconds: number;
  attempt: number;
  unwanted: boolean;
  orderId: string;
  orderNumber: string;
  keyVersion: number;
  paymentStatus: string;
  currency: string;
  totalAmount: string;
  photoCount: number | null;
  emailType: string;
  toEmail: string;
  toName: string | null;
  ccEmails: string[] | null;
  dynamicData: unknown;
  archiveLinkId: string | null;
  linksExpireAt: string | null;
  originalFilename: string | null;
  photoStatus: string | null;
  restoredId: string | null;
  format: string | null;
  mimeType: string | null;
  attachmentPath: string | null;
}>;
