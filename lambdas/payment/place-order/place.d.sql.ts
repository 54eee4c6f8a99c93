/** Written by `npm run statements` from place.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const place: Statement<{
  eventId: string;
  eventType: string;
  checkoutId: string;
  customerEmail: string;
  customerName: string | null;
  customerPhone: string | null;
  paid: boolean;
  paymentMethod: string | null;
  paymentIntentId: string | null;
  sessionId: string;
  photoCount: number;
  currency: string;
  subtotal: string;
  discount: string;
  tax: string;
  total: string;
  attempt: number;
  originalsBucket: string;
  originalKeyFormat: string;
}, {
  orderId: string;
  checkoutId: string;
  emailId: string | null;
  imageId: string | null;
  originalKey: string | null;
  uploadKey: string;
  uploadEtag: string | null;
}>;
