/** The key to an order: an HMAC of its id, which needs no row; emails and the browser carry it. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { clientError } from './errors.ts';
import type { Request } from './http.ts';
import { uuidParameter } from './http.ts';
import { secretText } from './secrets.ts';

/** @returns 43 characters of base64url, 256 bits */
export async function orderKey(secretArn: string, orderId: string): Promise<string> {
  return createHmac('sha256', await secretText(secretArn))
    .update(orderId)
    .digest('base64url');
}

const noSuchOrder = 'We cannot find this order. Please open it again from the link in your email.';

/**
 * The id of the order in the path, for who sends `Authorization: Bearer <its key>`.
 * @throws StepError 404 `unknown_order` for a wrong key as for no order: nobody learns which exist
 */
export async function authorisedOrder(request: Request, secretArn: string): Promise<string> {
  const orderId = uuidParameter(request, 'order', 'unknown_order', noSuchOrder);
  const given = Buffer.from(/^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
  const expected = Buffer.from(await orderKey(secretArn, orderId));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw unknownOrder();
  return orderId;
}

/** The 404 for an order that is not there, or not the caller's. */
export const unknownOrder = () => clientError('unknown_order', noSuchOrder, { status: 404 });
