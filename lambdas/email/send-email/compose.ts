/** Makes an email of what the claim answered: words, links, and photos small enough to attach. */
import { z } from 'zod';
import type { RowOf } from '../../../schema/statements/statement.ts';
import { restoredNames } from '../../download/names.ts';
import { seededToken } from '../../download/token.ts';
import { internalError } from '../../platform/errors.ts';
import { readBytes } from '../../platform/objects.ts';
import { orderKey } from '../../platform/order-key.ts';
import { settings } from '../../platform/settings.ts';
import type { Attachment, OutgoingEmail } from '../../providers/email.ts';
import { render } from '../render.ts';
import { unsubscribeToken } from '../unsubscribe-token.ts';
import type { claim } from './claim.sql';

const {
  API_URL,
  SITE_URL,
  RESTORED_BUCKET,
  ORDER_KEY_SECRET_ARN,
  SENDER_EMAIL,
  SENDER_NAME,
  LINK_MAX_DOWNLOADS,
} = settings({
  API_URL: z.url(),
  SITE_URL: z.url(),
  RESTORED_BUCKET: z.string(),
  ORDER_KEY_SECRET_ARN: z.string(),
  SENDER_EMAIL: z.email(),
  SENDER_NAME: z.string(),
  LINK_MAX_DOWNLOADS: z.coerce.number(),
});

export type ClaimedRow = RowOf<typeof claim>;

const shareData = z.object({ senderName: z.string().optional(), message: z.string().optional() });

/** The key stands behind the #, where it reaches no server's log. */
async function orderUrl({ orderId, keyVersion }: ClaimedRow): Promise<string> {
  const key = await orderKey(ORDER_KEY_SECRET_ARN, orderId, keyVersion);
  return `${SITE_URL}/orders/${orderId}#key=${key}`;
}

function words(rows: ClaimedRow[], first: ClaimedRow, seed: string, url: string, stopUrl: string) {
  const link = (opens: string) => `${API_URL}/download/${seededToken(seed, opens)}`;
  const restored = rows.filter(({ restoredId }) => restoredId !== null);
  const expiresOn = first.linksExpireAt ? new Date(first.linksExpireAt) : null;
  const { orderNumber, toName } = first;
  switch (first.emailType) {
    case 'order_confirmation':
      return render('order_confirmation', {
        orderNumber,
        customerName: toName,
        photoCount: first.photoCount ?? 0,
        currency: first.currency,
        total: first.totalAmount,
        paid: first.paymentStatus !== 'pending',
        orderUrl: url,
      });
    case 'restoration_complete':
      return render('restoration_complete', {
        orderNumber,
        customerName: toName,
        photos: restored.map(({ originalFilename, restoredId }) => ({
          name: originalFilename ?? '',
          url: link(restoredId ?? ''),
        })),
        archiveUrl: restored.length > 1 ? link('all') : null,
        failed: rows
          .filter(({ photoStatus }) => photoStatus === 'failed')
          .map(({ originalFilename }) => originalFilename ?? ''),
        expiresOn,
        maxDownloads: LINK_MAX_DOWNLOADS,
        orderUrl: url,
      });
    case 'share_family': {
      const { senderName = toName, message } = shareData.parse(first.dynamicData);
      return render('share_family', {
        senderName,
        message,
        photoCount: restored.length,
        url: link('all'),
        expiresOn,
        stopUrl,
      });
    }
    default:
      throw internalError(
        'unknown_email_type',
        `There is no template for emails of type ${first.emailType}.`,
      );
  }
}

/** Named among all restored photos, so that a photo is called here as it is in the archive. */
async function attachmentsOf(rows: ClaimedRow[]): Promise<Attachment[]> {
  const restored = rows.filter(({ restoredId }) => restoredId !== null);
  const names = restoredNames(restored);
  const attachments: Attachment[] = [];
  for (const [index, { attachmentPath, mimeType }] of restored.entries()) {
    if (!attachmentPath) continue;
    const bytes = await readBytes(RESTORED_BUCKET, attachmentPath);
    attachments.push({
      bytes,
      mimeType: mimeType ?? 'image/png',
      filename: names[index] ?? 'photo restored.png',
    });
  }
  return attachments;
}

/** @param rows what the claim answered: at least one, the email's own columns the same in each */
export async function compose(emailId: string, seed: string, rows: ClaimedRow[]): Promise<OutgoingEmail> {
  const [first] = rows;
  if (!first) throw internalError('unknown_email', `There is no email ${emailId}.`);
  const token = await unsubscribeToken(ORDER_KEY_SECRET_ARN, emailId);
  return {
    emailId,
    attempt: first.attempt,
    from: { email: SENDER_EMAIL, name: SENDER_NAME },
    to: { email: first.toEmail, ...(first.toName ? { name: first.toName } : {}) },
    cc: first.ccEmails ?? [],
    ...words(rows, first, seed, await orderUrl(first), `${SITE_URL}/unsubscribe#${token}`),
    // A customer's own mails are about what they bought.
    ...(first.emailType === 'share_family' && { unsubscribeUrl: `${API_URL}/unsubscribe/${token}` }),
    attachments: await attachmentsOf(rows),
  };
}
