/** POST /api/checkout: freezes a session's photos, keeps them, and opens a Checkout Session. */
import { z } from 'zod';
import { queryOne } from '../../platform/database.ts';
import { emailAddress } from '../../platform/email-address.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler, jsonBody } from '../../platform/http.ts';
import { tagStage } from '../../platform/objects.ts';
import { count, settings } from '../../platform/settings.ts';
import { payments } from '../provider.ts';
import { freeze } from './freeze.sql';
import { record } from './record.sql';

const { TEMP_BUCKET, PRICE_CENTS, CURRENCY, CHECKOUT_MORE_SECONDS, MAX_CHECKOUTS, SITE_URL } = settings({
  TEMP_BUCKET: z.string(),
  PRICE_CENTS: count,
  CURRENCY: z.string().length(3),
  CHECKOUT_MORE_SECONDS: count,
  MAX_CHECKOUTS: count,
  SITE_URL: z.url(),
});

const body = z.object({
  sessionId: z.guid(),
  email: emailAddress.optional(),
  /** Sell what has arrived and leave the rest; without it, photos under way are a 409. */
  onlyArrived: z.boolean().default(false),
});

const names = z.array(z.string());

const alreadyPaid = () =>
  clientError(
    'already_paid',
    'These photos are paid for already. Your confirmation email has the link to the order.',
    {
      status: 409,
    },
  );

/** @throws StepError where a photo has none: it would be paid for, and could not be restored */
async function keepFromExpiring(paths: string[]): Promise<void> {
  // Ten at a time: 100 photos in about a second.
  for (let start = 0; start < paths.length; start += 10) {
    const tagging = paths.slice(start, start + 10).map((path) => tagStage(TEMP_BUCKET, path, 'checkout'));
    if ((await Promise.all(tagging)).includes(false))
      throw clientError(
        'photos_gone',
        'Some of your photos are no longer with us. Nothing was paid; please choose your photos again.',
        { status: 409 },
      );
  }
}

type Frozen = { known: number; sold: boolean; attempt: number | null; exhausted: boolean };

/** @throws StepError why nothing could be frozen */
function frozenAttempt(
  { known, sold, attempt, exhausted }: Frozen,
  arriving: string[],
  onlyArrived: boolean,
): number {
  if (known === 0)
    throw clientError(
      'unknown_session',
      'We do not know this upload. It may have expired; please choose your photos again.',
      {
        status: 404,
      },
    );
  if (sold) throw alreadyPaid();
  if (attempt !== null) return attempt;
  if (exhausted)
    throw clientError(
      'too_many_checkouts',
      `The payment page for these photos has been opened ${MAX_CHECKOUTS} times. Please pay on the last one, or choose your photos again.`,
      { status: 429, detail: { limit: MAX_CHECKOUTS } },
    );
  if (arriving.length > 0)
    throw clientError(
      'photos_still_arriving',
      `${arriving.length} of your photos are still on their way. Please wait a moment${onlyArrived ? '' : ', or go on without them'}.`,
      {
        status: 409,
        detail: { photos: arriving },
      },
    );
  throw clientError(
    'no_photos',
    'None of these photos can be ordered: they were refused, or have expired. Please choose your photos again.',
    {
      status: 409,
    },
  );
}

export const handler = apiHandler(async (request) => {
  const { sessionId, email, onlyArrived } = jsonBody(request, body);
  const frozen = await queryOne(freeze, {
    sessionId,
    onlyArrived,
    unitAmountCents: PRICE_CENTS,
    currency: CURRENCY,
    moreSeconds: CHECKOUT_MORE_SECONDS,
    maxAttempts: MAX_CHECKOUTS,
    customerEmail: email ?? null,
    ipAddress: request.ipAddress,
    userAgent: request.userAgent,
  });
  const attempt = frozenAttempt(frozen, names.parse(frozen.arriving), onlyArrived);
  const paths = names.parse(frozen.paths);
  await keepFromExpiring(paths);
  const provider = await payments();
  if (frozen.earlierCheckoutId && (await provider.expireCheckout(frozen.earlierCheckoutId)) === 'complete')
    throw alreadyPaid();
  const checkout = await provider.createCheckout({
    sessionId,
    attempt,
    photos: paths.length,
    unitAmountCents: PRICE_CENTS,
    currency: CURRENCY,
    ...(email ? { customerEmail: email } : {}),
    successUrl: `${SITE_URL}/order?checkout={CHECKOUT_SESSION_ID}`,
    cancelUrl: `${SITE_URL}/checkout?session=${sessionId}`,
  });
  await queryOne(record, { sessionId, attempt, checkoutId: checkout.id });
  return {
    status: 201,
    body: { checkoutId: checkout.id, url: checkout.url, expiresAt: checkout.expiresAt, photos: paths.length },
  };
});
