/** Written by `npm run statements` from settle.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const settle: Statement<{
  checkoutId: string | null;
  paymentIntentId: string | null;
  sessionId: string;
  eventId: string;
  eventType: string;
  objectId: string;
  paymentStatus: string;
  onlyIfPending: boolean;
}, {
  orderId: string;
  paidByThis: boolean;
  paymentStatus: string;
  allEnded: boolean;
  emailIds: unknown;
  imageId: string | null;
  originalKey: string | null;
  uploadKey: string | null;
  uploadEtag: string | null;
}>;
