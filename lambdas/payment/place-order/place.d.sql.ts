/** Written by `npm run statements` from place.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const place: Statement<{
  checkoutId: string;
  eventId: string;
  eventType: string;
  sessionId: string;
  attempt: number;
  photoCount: number;
  paid: boolean;
  paymentIntentId: string | null;
  paymentMethod: string | null;
  customerEmail: string;
  customerName: string | null;
  customerPhone: string | null;
  currency: string;
  subtotal: string;
  discount: string;
  tax: string;
  total: string;
  originalsBucket: string;
}, {
  orderId: string;
  orderNumber: string;
  checkoutId: string;
  emailId: string | null;
  imageId: string | null;
  originalKey: string | null;
  uploadKey: string;
  uploadEtag: string | null;
}>;
