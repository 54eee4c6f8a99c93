/** POST /api/orders/{order}/downloads: a new link to one photo or to a ZIP of all restored. */
import { z } from 'zod';
import { refuseWithheld } from '../../order/withheld.ts';
import { query } from '../../platform/database.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler, jsonBody } from '../../platform/http.ts';
import { send } from '../../platform/messages.ts';
import { authorisedOrder, unknownOrder } from '../../platform/order-key.ts';
import { count, settings } from '../../platform/settings.ts';
import { newToken, tokenHash } from '../token.ts';
import { create } from './create.sql';

const { API_URL, ORDER_KEY_SECRET_ARN, BUILD_ARCHIVE_QUEUE_URL, LINK_EXPIRY_SECONDS, LINK_MAX_DOWNLOADS } =
  settings({
    API_URL: z.url(),
    ORDER_KEY_SECRET_ARN: z.string(),
    BUILD_ARCHIVE_QUEUE_URL: z.url(),
    LINK_EXPIRY_SECONDS: count,
    LINK_MAX_DOWNLOADS: count,
  });

const body = z.discriminatedUnion('type', [
  z.object({ type: z.literal('single_image'), imageId: z.guid() }),
  z.object({ type: z.literal('zip_all') }),
]);

const nothingThere = (type: string) =>
  type === 'zip_all'
    ? clientError(
        'nothing_restored',
        'No photo of this order is restored yet. We will send you an email when they are ready.',
        { status: 409 },
      )
    : clientError('unknown_photo', 'This order has no such photo, or it is not there yet.', { status: 404 });

const linksSpent = () =>
  clientError(
    'link_limit',
    'This order has very many download links already. Please use one of them, or come again in a few days.',
    { status: 409 },
  );

export const handler = apiHandler(async (request) => {
  const { orderId, keyVersion } = await authorisedOrder(request, ORDER_KEY_SECRET_ARN);
  const wanted = jsonBody(request, body);
  const token = newToken();
  const [link] = await query(create, {
    orderId,
    keyVersion,
    linkType: wanted.type,
    imageId: wanted.type === 'single_image' ? wanted.imageId : null,
    tokenHash: tokenHash(token),
    maxDownloads: LINK_MAX_DOWNLOADS,
    linkSeconds: LINK_EXPIRY_SECONDS,
    ipAddress: request.ipAddress,
    userAgent: request.userAgent,
  });
  if (!link) throw unknownOrder();
  refuseWithheld(link.withheld);
  if (link.spent) throw linksSpent();
  const { linkId, expiresAt, maxDownloads } = link;
  if (!linkId) throw nothingThere(wanted.type);
  if (wanted.type === 'zip_all') await send(BUILD_ARCHIVE_QUEUE_URL, [{ linkId }], { groupId: orderId });
  return { status: 201, body: { url: `${API_URL}/download/${token}`, expiresAt, maxDownloads } };
});
