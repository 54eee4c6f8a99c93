/** Written by `npm run statements` from place.sql. */
import type { Statement } from '../../platform/database.ts';

export declare const place: Statement<{
  sessionId: string;
  eventId: string;
  eventType: string;
  checkoutId: string;
  customerEmail: string;
  customerName: string | null;
  customerPhone: string | null;
  paid: boolean;
  paymentMethod: string | null;
  paymentIntentId: string | null;
  photoCount: number;
  currency: string;
  subtotal: string;
  discount: string;
  tax: string;
  total: string;
  originalsBucket: string;
  attempt: number;
}, {
  orderId: string;
  orderNumber: string;
  paidTwice: boolean;
  emailId: string | null;
  imageId: string | null;
  originalKey: string | null;
  uploadKey: string | null;
  uploadEtag: string | null;
}>;
