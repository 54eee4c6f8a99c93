/**
 * The key to an order: `version.HMAC(order, version)`. It needs no row; emails and the browser
 * carry it. Raising the version in the order's row ends every key and link that was given out.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { clientError } from './errors.ts';
import type { Request } from './http.ts';
import { uuidParameter } from './http.ts';
import { secretText } from './secrets.ts';

/** @returns such as `1.` and 43 characters of base64url, 256 bits */
export async function orderKey(secretArn: string, orderId: string, version: number): Promise<string> {
  const proof = createHmac('sha256', await secretText(secretArn)).update(`${orderId}.${version}`);
  return `${version}.${proof.digest('base64url')}`;
}

const noSuchOrder = 'We cannot find this order. Please open it again from the link in your email.';

/**
 * The order in the path, for who sends `Authorization: Bearer <its key>`. A false key is refused
 * without the database; whether its version still counts is the statement's to say.
 * @throws StepError 404 `unknown_order` for a wrong key as for no order: nobody learns which exist
 */
export async function authorisedOrder(
  request: Request,
  secretArn: string,
): Promise<{ orderId: string; keyVersion: number }> {
  const orderId = uuidParameter(request, 'order', 'unknown_order', noSuchOrder);
  const [, key = '', version] =
    /^Bearer (([1-9]\d{0,8})\.\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const keyVersion = Number(version);
  const given = Buffer.from(key);
  const expected = Buffer.from(await orderKey(secretArn, orderId, keyVersion));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw unknownOrder();
  return { orderId, keyVersion };
}

/** The 404 for an order that is not there, or not the caller's. */
export const unknownOrder = () => clientError('unknown_order', noSuchOrder, { status: 404 });
