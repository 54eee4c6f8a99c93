/** The settings as steps read them: environment variables. */
import type { Settings } from '../settings.ts';

/** All of them; a step is given those that it reads. */
export function variables({ shop, uploads, restoration, leaseSeconds, links, sharing, auditDays }: Settings) {
  return {
    PRICE_CENTS: String(shop.priceCents),
    CURRENCY: shop.currency,
    SITE_URL: shop.siteUrl,
    SENDER_EMAIL: shop.senderEmail,
    SENDER_NAME: shop.senderName,
    MAX_FILES: String(uploads.maxFiles),
    MAX_FILE_BYTES: String(uploads.maxFileBytes),
    MAX_PIXELS: String(uploads.maxPixels),
    UPLOAD_URL_SECONDS: String(uploads.urlSeconds),
    UPLOAD_EXPIRY_SECONDS: String(uploads.expiryDays * 86_400),
    CHECKOUT_MORE_SECONDS: String((uploads.unpaidDays - uploads.expiryDays) * 86_400),
    MAX_CHECKOUTS: String(uploads.maxCheckouts),
    REPLICATE_MODEL: restoration.model,
    REPLICATE_OUTPUT_HOSTS: restoration.outputHosts.join(','),
    MAX_OUTPUT_BYTES: String(restoration.maxOutputBytes),
    LEASE_SECONDS: String(leaseSeconds),
    LINK_EXPIRY_SECONDS: String(links.expirySeconds),
    LINK_MAX_DOWNLOADS: String(links.maxDownloads),
    SHARE_MAX_RECIPIENTS: String(sharing.maxRecipients),
    SHARE_MAX_ROUNDS: String(sharing.maxRounds),
    SHARE_MAX_A_DAY: String(sharing.maxADay),
    AUDIT_DAYS: String(auditDays),
  };
}

export type Variable = keyof ReturnType<typeof variables>;
