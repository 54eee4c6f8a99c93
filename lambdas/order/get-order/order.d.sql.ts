/** Written by `npm run statements` from order.sql. */
import type { Statement } from '../../platform/database.ts';

export declare const order: Statement<{
  orderId: string;
}, {
  orderId: string | null;
  orderNumber: string | null;
  orderStatus: string | null;
  paymentStatus: string;
  currency: string;
  totalAmount: string | null;
  createdAt: string;
  completedAt: string | null;
  photoId: string;
  name: string;
  photoStatus: string;
  errorCode: string | null;
  restoredId: string | null;
  width: number | null;
  height: number | null;
}>;
