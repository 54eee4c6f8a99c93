/** Takes orders through every statement of every step, in the order that the steps would: so each finds its rows in the right states. */
import { randomBytes, randomUUID } from 'node:crypto';
import { archive } from '../../lambdas/download/build-archive/archive.sql';
import { create as createLink } from '../../lambdas/download/create-link/create.sql';
import { open } from '../../lambdas/download/open-link/open.sql';
import { apply } from '../../lambdas/email/receive-sendgrid-events/apply.sql';
import { claim as claimEmail } from '../../lambdas/email/send-email/claim.sql';
import { settle as settleEmail } from '../../lambdas/email/send-email/settle.sql';
import { claim as claimOrder } from '../../lambdas/order/claim-order/claim.sql';
import { order } from '../../lambdas/order/get-order/order.sql';
import { share } from '../../lambdas/order/share-order/share.sql';
import { freeze } from '../../lambdas/payment/create-checkout/freeze.sql';
import { record as recordCheckout } from '../../lambdas/payment/create-checkout/record.sql';
import { fail as failPhoto } from '../../lambdas/payment/keep-original/fail.sql';
import { keep } from '../../lambdas/payment/keep-original/keep.sql';
import { place } from '../../lambdas/payment/place-order/place.sql';
import { cancel } from '../../lambdas/payment/settle-payment/cancel.sql';
import { settle as settlePayment } from '../../lambdas/payment/settle-payment/settle.sql';
import { complete } from '../../lambdas/restoration/complete-order/complete.sql';
import { fail as failAttempt } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { restored } from '../../lambdas/restoration/store-restored/restored.sql';
import { claim as claimJob } from '../../lambdas/restoration/submit-job/claim.sql';
import { submitted } from '../../lambdas/restoration/submit-job/submitted.sql';
import { create as createSession } from '../../lambdas/upload/create-session/create.sql';
import { expire as expireUpload } from '../../lambdas/upload/expire-uploads/expire.sql';
import { session } from '../../lambdas/upload/get-session/session.sql';
import { record as recordUpload } from '../../lambdas/upload/record-upload/record.sql';
import { refuse } from '../../lambdas/upload/record-upload/refuse.sql';
import type { Run } from './measure.ts';

const caller = { ipAddress: '203.0.113.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' };
const day = 86_400;
const event = () => `evt_${randomUUID()}`;

type Sold = { sessionId: string; orderId: string; checkoutId: string; imageIds: string[]; emailId: string };

async function upload(run: Run, howMany: number) {
  const sessionId = randomUUID();
  const photos = Array.from({ length: howMany }, (_, at) => {
    const id = randomUUID();
    return {
      id,
      name: `photo ${at}.jpg`,
      type: 'image/jpeg',
      size: 2_000_000,
      path: `uploads/temp/${sessionId}/${id}.jpg`,
    };
  });
  const asked = {
    sessionId,
    customerEmail: null,
    photos: JSON.stringify(photos),
    expirySeconds: day,
    ...caller,
  };
  await run(createSession, asked, howMany);
  return { sessionId, uploadIds: photos.map(({ id }) => id) };
}

async function buy(run: Run, howMany: number, paid: boolean): Promise<Sold> {
  const { sessionId, uploadIds } = await upload(run, howMany);
  const arrived = { sessionId, size: 2_000_000, mimeType: 'image/jpeg', width: 3000, height: 2000 };
  await Promise.all(uploadIds.map((uploadId) => run(recordUpload, { ...arrived, uploadId, etag: uploadId })));
  await run(session, { sessionId }, howMany);
  const sale = {
    sessionId,
    onlyArrived: false,
    unitAmountCents: 499,
    currency: 'USD',
    expirySeconds: 30 * day,
  };
  await run(freeze, { ...sale, customerEmail: null, ...caller }, howMany);
  const checkoutId = `cs_${randomUUID()}`;
  await run(recordCheckout, { sessionId, attempt: 1, checkoutId });
  const total = (4.99 * howMany).toFixed(2);
  const placed = await run(
    place,
    {
      sessionId,
      checkoutId,
      eventId: event(),
      eventType: 'checkout.session.completed',
      attempt: 1,
      paid,
      customerEmail: `${randomUUID()}@example.com`,
      customerName: 'A customer',
      customerPhone: null,
      paymentMethod: 'card',
      paymentIntentId: `pi_${randomUUID()}`,
      photoCount: howMany,
      currency: 'USD',
      subtotal: total,
      discount: '0',
      tax: '0',
      total,
      originalsBucket: 'originals',
    },
    howMany,
  );
  const [first] = placed;
  if (!first?.emailId) throw new Error('The order was not placed.');
  const { orderId, emailId } = first;
  const imageIds = placed.flatMap(({ imageId }) => (imageId ? [imageId] : []));
  return { sessionId, orderId, checkoutId, imageIds, emailId };
}

async function keepPhoto(run: Run, { orderId }: Sold, imageId: string) {
  const [kept] = await run(keep, { orderId, imageId });
  return kept?.jobId ?? '';
}

async function submit(run: Run, jobId: string, attempt: number): Promise<void> {
  await run(claimJob, { jobId, attempt, leaseSeconds: 300 });
  const prediction = { predictionId: randomUUID(), inputParameters: '{"output_format": "png"}' };
  await run(submitted, { jobId, attempt, ...prediction });
}

async function restore(run: Run, sold: Sold, imageId: string): Promise<void> {
  const jobId = await keepPhoto(run, sold, imageId);
  await submit(run, jobId, 1);
  const path = `uploads/restored/${sold.orderId}/${imageId}.png`;
  const file = {
    bucket: 'restored',
    path,
    size: 5_000_000,
    mimeType: 'image/png',
    format: 'png',
    width: 3000,
    height: 2000,
  };
  await run(restored, { jobId, attempt: 1, ...file });
}

async function mail(run: Run, emailId: string, photos: number): Promise<void> {
  const lease = { emailId, leaseSeconds: 300, maxDownloads: 10, linkSeconds: 7 * day };
  const [claimed] = await run(claimEmail, { ...lease, seed: randomBytes(32).toString('hex') }, photos);
  const sent = { messageId: randomUUID(), subject: 'Your photos', errorCode: null, errorMessage: null };
  await run(settleEmail, {
    emailId,
    attempt: claimed?.attempt ?? 0,
    outcome: 'sent',
    doubtSeconds: day,
    ...sent,
  });
  const delivered = { id: randomUUID(), type: 'delivered', email_id: emailId, at: Date.now() / 1000 };
  await run(apply, { events: JSON.stringify([delivered]) });
}

/** From the upload to the mail that says it is done: an order as it should be. */
export async function goodOrder(run: Run, photos: number): Promise<void> {
  const sold = await buy(run, photos, true);
  await run(claimOrder, { checkoutId: sold.checkoutId });
  await Promise.all([
    mail(run, sold.emailId, 1),
    ...sold.imageIds.map((imageId) => restore(run, sold, imageId)),
  ]);
  const [ended] = await run(complete, { orderId: sold.orderId, maxAttachmentBytes: 10_000_000 }, photos);
  if (ended?.status !== 'completed' || !ended.emailId) throw new Error(`The order is ${ended?.status}.`);
  await mail(run, ended.emailId, photos);
  const note = { senderName: null, message: null, maxRounds: 3 };
  await run(share, { orderId: sold.orderId, recipients: '["aunt@example.com"]', ...note, ...caller });
}

/** What goes otherwise: refused and forgotten uploads, a photo lost, one that cannot be restored, late payment, a refund. */
export async function badOrder(run: Run, photos: number): Promise<void> {
  const { sessionId, uploadIds } = await upload(run, 2);
  const [first = '', second = ''] = uploadIds;
  await run(refuse, { uploadId: first, sessionId, refusalCode: 'not_a_photo', etag: first, size: 100 });
  await run(expireUpload, { uploadId: second, sessionId });

  const sold = await buy(run, photos, false);
  await settle(run, sold, 'paid', photos);
  const [lost, ...others] = sold.imageIds;
  const failure = { errorCode: 'prediction_failed', errorMessage: 'The provider said no.' };
  for (const imageId of others.length > 0 ? others : sold.imageIds) {
    const jobId = await keepPhoto(run, sold, imageId);
    await submit(run, jobId, 1);
    await run(failAttempt, { jobId, attempt: 1, retryable: true, counted: true, ...failure });
    await submit(run, jobId, 2);
    if (imageId !== sold.imageIds.at(-1))
      await run(failAttempt, { jobId, attempt: 2, retryable: false, counted: true, ...failure });
  }
  const alone = others.length === 0 ? await buy(run, 1, true) : undefined;
  const victim = alone
    ? { orderId: alone.orderId, imageId: alone.imageIds[0] }
    : { orderId: sold.orderId, imageId: lost };
  await run(failPhoto, {
    orderId: victim.orderId,
    imageId: victim.imageId ?? '',
    errorCode: 'upload_missing',
  });
  await settle(run, sold, 'refunded', photos);
  await run(cancel, { orderId: sold.orderId }, photos);
}

async function settle(
  run: Run,
  { checkoutId, sessionId }: Sold,
  paymentStatus: string,
  photos: number,
): Promise<void> {
  const news = {
    eventId: event(),
    eventType: 'charge.refunded',
    objectId: checkoutId,
    paymentIntentId: null,
  };
  await run(settlePayment, { checkoutId, sessionId, ...news, paymentStatus, onlyIfPending: false }, photos);
}

/** What is read, or downloaded, of an order long done. */
export async function visit(
  run: Run,
  done: { orderId: string; checkoutId: string; sessionId: string },
  photos: number,
) {
  await run(order, { orderId: done.orderId }, photos);
  await run(claimOrder, { checkoutId: done.checkoutId });
  await run(session, { sessionId: done.sessionId }, photos);
  const tokenHash = randomBytes(32).toString('hex');
  const wanted = { orderId: done.orderId, linkType: 'zip_all', imageId: null, tokenHash };
  const [link] = await run(
    createLink,
    { ...wanted, maxDownloads: 10, linkSeconds: 7 * day, ...caller },
    photos,
  );
  await run(open, { tokenHash, archiveReady: true, ...caller }, photos);
  await run(archive, { linkId: link?.id ?? '' }, photos);
}
