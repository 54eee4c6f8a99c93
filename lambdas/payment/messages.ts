/** The messages of the payment flow: ids only. */
import { z } from 'zod';
import type { CompleteCheckout } from '../providers/payment.ts';

/** An event of the payment provider, for `place-order` and `settle-payment`. */
export const paymentEventMessage = z.object({
  eventId: z.string(),
  type: z.string(),
  objectId: z.string(),
  paymentIntentId: z.string().nullable(),
});
export type PaymentEventMessage = z.infer<typeof paymentEventMessage>;

/**
 * What the lost event of a complete checkout would have said, for `place-order`.
 * @param finder who found the checkout complete: the same one's words are one event
 */
export const completedMessage = (
  finder: 'claim' | 'sweep',
  { id, paymentIntentId }: Pick<CompleteCheckout, 'id' | 'paymentIntentId'>,
): PaymentEventMessage => ({
  eventId: `${finder}:${id}`,
  type: 'checkout.session.completed',
  objectId: id,
  paymentIntentId,
});

/**
 * A photo to keep, for `keep-original`. Key and ETag name the very bytes that were sold and never
 * change; with them the step needs one statement instead of two.
 */
export const keepOriginalMessage = z.object({
  orderId: z.guid(),
  imageId: z.guid(),
  uploadKey: z.string(),
  uploadEtag: z.string(),
  originalKey: z.string(),
});
export type KeepOriginalMessage = z.infer<typeof keepOriginalMessage>;

/** A row of `place.sql` or `settle.sql`: a photo still to be kept, or none. */
type KeepableRow = {
  imageId: string | null;
  originalKey: string | null;
  uploadKey: string | null;
  uploadEtag: string | null;
};

/** The messages for the photos among the rows. Without an ETag, `keep-original` fails the photo. */
export const keepingMessages = (orderId: string, rows: KeepableRow[]): KeepOriginalMessage[] =>
  rows.flatMap(({ imageId, originalKey, uploadKey, uploadEtag }) =>
    imageId && originalKey && uploadKey
      ? [{ orderId, imageId, originalKey, uploadKey, uploadEtag: uploadEtag ?? '' }]
      : [],
  );
