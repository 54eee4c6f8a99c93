/**
 * What the statements of an order's way are asked with, for orders that tests and the benchmark
 * make up.
 */
import { randomBytes, randomUUID } from 'node:crypto';

export type Upload = { id: string; path: string; etag: string };
export type Session = { sessionId: string; uploads: Upload[] };
export type Checkout = Session & { checkoutId: string; attempt: number };
export type Photo = { imageId: string; jobId: string };
export type Order = Checkout & {
  orderId: string;
  paymentIntentId: string;
  emailId: string;
  photos: Photo[];
};

/** Of a request: its caller's address and browser, for the audit. */
export type Caller = { ipAddress: string | null; userAgent: string | null };

export const nobody: Caller = { ipAddress: null, userAgent: null };
export const leaseSeconds = 300;
const daySeconds = 86_400;
export const size = { size: 1000, width: 40, height: 30 };

/** A session that nobody has announced yet. */
export function newSession(photos: number): Session {
  const sessionId = randomUUID();
  const uploads = Array.from({ length: photos }, () => {
    const id = randomUUID();
    return { id, path: `uploads/temp/${sessionId}/${id}.jpg`, etag: `"${id}"` };
  });
  return { sessionId, uploads };
}

/** What a browser announces. */
export function announcement({ sessionId, uploads }: Session, caller = nobody) {
  const photos = uploads.map(({ id, path }, at) => {
    return { id, path, name: `photo-${at}.jpg`, size: size.size, type: 'image/jpeg' };
  });
  return {
    ...caller,
    sessionId,
    customerEmail: null,
    expirySeconds: daySeconds,
    photos: JSON.stringify(photos),
  };
}

/** What is known of a photo that S3 has received. */
export const arrivalOf = (sessionId: string, { id, etag }: Upload) => {
  return { sessionId, uploadId: id, etag, mimeType: 'image/jpeg', ...size };
};

/** What is known of an object that is no photo. */
export const refusalOf = (sessionId: string, uploadId: string) => {
  return { sessionId, uploadId, refusalCode: 'not_a_photo', etag: '"refused"', size: 9 };
};

/** What a customer asks who wants to pay for a session. */
export function freezing({ sessionId }: Session, onlyArrived = false, caller = nobody) {
  return {
    ...caller,
    sessionId,
    unitAmountCents: 499,
    currency: 'USD',
    onlyArrived,
    moreSeconds: daySeconds,
    maxAttempts: 10,
    customerEmail: null,
  };
}

/** What Stripe says of a checkout that is complete. */
export function paymentOf(
  { sessionId, checkoutId, attempt, uploads }: Checkout,
  paid = true,
  customerEmail = 'Ada@Example.com',
) {
  const total = (uploads.length * 4.99).toFixed(2);
  return {
    sessionId,
    checkoutId,
    attempt,
    paid,
    eventId: `evt_${checkoutId}`,
    eventType: 'checkout.session.completed',
    customerEmail,
    customerName: 'Ada',
    customerPhone: null,
    paymentMethod: 'card',
    paymentIntentId: `pi_${checkoutId}`,
    photoCount: uploads.length,
    currency: 'USD',
    subtotal: total,
    discount: '0.00',
    tax: '0.00',
    total,
    originalsBucket: 'originals',
    originalKeyFormat: 'uploads/originals/%s/%s.%s',
  };
}

/** What an event says of the payment of that order. */
export function paymentEvent(order: Order, paymentStatus: string, onlyIfPending = false) {
  const { sessionId, checkoutId, paymentIntentId } = order;
  return {
    sessionId,
    checkoutId,
    paymentIntentId,
    paymentStatus,
    onlyIfPending,
    eventId: `evt_${randomUUID()}`,
    eventType: 'charge.refunded',
    objectId: paymentIntentId,
  };
}

/** Who takes a job. */
export const jobClaim = (jobId: string, attempt = 1) => ({ jobId, attempt, leaseSeconds });

/** What the provider says when it has taken that job. */
export function submission(jobId: string, attempt = 1) {
  return { jobId, attempt, predictionId: `p_${jobId}_${attempt}`, inputParameters: '{"model": "m"}' };
}

/** What is known of the restored photo of that job. */
export function restoration(jobId: string, attempt = 1) {
  return {
    jobId,
    attempt,
    bucket: 'restored',
    path: `uploads/restored/${jobId}.png`,
    ...size,
    mimeType: 'image/png',
    format: 'png',
    crc32: 0xffff_ffff,
  };
}

/** What a provider asks of a job that comes too soon. */
export const waiting = (jobId: string, attempt = 1) => {
  return { jobId, attempt, waitSeconds: 10, spacingSeconds: 11 };
};

/** What is known of an attempt that failed. */
export const failure = (jobId: string, attempt = 1, retryable = false) => {
  return {
    jobId,
    attempt,
    retryable,
    counted: true,
    errorCode: 'prediction_failed',
    errorMessage: 'It said no.',
  };
};

/** Whether an order has ended; its photos are small enough to be attached. */
export const completion = (orderId: string) => ({ orderId, maxAttachmentBytes: 5000 });

/** Who takes an email. */
export function emailClaim(emailId: string) {
  const seed = randomBytes(32).toString('hex');
  return { emailId, seed, leaseSeconds, maxDownloads: 10, linkSeconds: 7 * daySeconds };
}

/** What the email provider says of an attempt. */
export function emailAnswer(emailId: string, attempt: number, outcome = 'sent') {
  const codes: Record<string, string> = {
    retry: 'email_unavailable',
    doubtful: 'send_doubtful',
    failed: 'email_rejected',
  };
  return {
    emailId,
    attempt,
    outcome,
    messageId: 'm',
    subject: 'Your photos',
    doubtSeconds: 600,
    errorCode: codes[outcome] ?? null,
    errorMessage: null,
  };
}

/** An event of the email provider's. @param id the same again when it is told again */
export const emailEvent = (emailId: string, type: string, id: string = randomUUID()) => {
  return {
    events: JSON.stringify([{ id, type, email_id: emailId, at: 1_790_000_000 }]),
    blockedSeconds: 3600,
  };
};

/** A link to all photos of an order, or to one of them. */
export function linkTo(orderId: string, tokenHash: string, imageId: string | null = null, caller = nobody) {
  const linkType = imageId === null ? 'zip_all' : 'single_image';
  const link = { linkType, imageId, tokenHash, maxDownloads: 10, linkSeconds: 7 * daySeconds };
  return { ...caller, orderId, keyVersion: 1, ...link };
}

/** Who follows a link; its archive is there to be had. */
export const opening = (tokenHash: string, caller = nobody) => {
  const visit = { asked: 'whole', viewer: 'somebody', againSeconds: 900 };
  return { ...caller, ...visit, tokenHash, archiveReady: true };
};

/** Taking the photos of a link to be packed. */
export const packing = (linkId: string) => ({ linkId, holder: randomUUID(), leaseSeconds: 60 });

/** Sharing an order with two people. */
export const sharing = (orderId: string, caller = nobody) => {
  const recipients = JSON.stringify(['Grace@example.com', 'edsger@example.com']);
  const asked = { senderName: null, message: null, recipients, maxRounds: 2, maxADay: 3 };
  return { ...caller, orderId, keyVersion: 1, ...asked };
};
