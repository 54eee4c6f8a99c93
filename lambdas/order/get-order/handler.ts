/** GET /api/orders/{order}: how far an order is, photo by photo, for who holds its key. */
import { z } from 'zod';
import { query } from '../../platform/database.ts';
import { apiHandler } from '../../platform/http.ts';
import { authorisedOrder, unknownOrder } from '../../platform/order-key.ts';
import { settings } from '../../platform/settings.ts';
import { order } from './order.sql';

const { ORDER_KEY_SECRET_ARN } = settings({ ORDER_KEY_SECRET_ARN: z.string() });

/** A photo's state in the customer's words. */
const states: Record<string, string> = {
  pending: 'received',
  uploaded: 'waiting',
  processing: 'restoring',
  completed: 'restored',
  failed: 'failed',
};

export const handler = apiHandler(async (request) => {
  const { orderId, keyVersion } = await authorisedOrder(request, ORDER_KEY_SECRET_ARN);
  const rows = await query(order, { orderId, keyVersion });
  const [first] = rows;
  if (!first) throw unknownOrder();
  const restoredOf = new Map(rows.map((row) => [row.parentImageId, row]));
  const photos = rows
    .filter(({ parentImageId }) => parentImageId === null)
    .map(({ imageId, name, imageStatus }) => {
      const restored = restoredOf.get(imageId);
      return {
        id: imageId,
        name,
        state: states[imageStatus] ?? imageStatus,
        ...(restored
          ? { restored: { id: restored.imageId, width: restored.width, height: restored.height } }
          : {}),
      };
    });
  return {
    status: 200,
    body: {
      orderId,
      orderNumber: first.orderNumber,
      status: first.orderStatus,
      paymentStatus: first.paymentStatus,
      currency: first.currency,
      total: first.totalAmount,
      createdAt: first.createdAt,
      completedAt: first.completedAt,
      photos,
    },
  };
});
