/** Written by `npm run statements` from order.sql. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const order: Statement<{
  orderId: string;
  keyVersion: number;
}, {
  orderId: string;
  orderNumber: string;
  orderStatus: string;
  paymentStatus: string;
  currency: string;
  totalAmount: string;
  createdAt: string;
  completedAt: string | null;
  imageId: string;
  parentImageId: string | null;
  name: string;
  imageStatus: string;
  width: number | null;
  height: number | null;
}>;
