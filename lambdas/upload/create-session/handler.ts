/**
 * POST /api/upload: takes the names, types and sizes of a customer's photos; answers where to post
 * the bytes of each.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { queryOne } from '../../platform/database.ts';
import { emailAddress } from '../../platform/email-address.ts';
import { clientError } from '../../platform/errors.ts';
import { apiHandler, jsonBody } from '../../platform/http.ts';
import { temporaryKey } from '../../platform/object-keys.ts';
import { count, settings } from '../../platform/settings.ts';
import { acceptedType, acceptedTypes, refusalOf, refusals } from '../photo-types.ts';
import { presign } from '../presign.ts';
import { create } from './create.sql';

const { MAX_FILES, MAX_FILE_BYTES, UPLOAD_EXPIRY_SECONDS } = settings({
  MAX_FILES: count,
  MAX_FILE_BYTES: count,
  UPLOAD_EXPIRY_SECONDS: count,
});

const unsafeName = /[\p{Cc}/\\]/u;
/** It goes into a header. */
const typeLetters = /^[ -~]*$/;

const photo = z.object({
  name: z
    .string()
    .min(1)
    .max(255)
    .refine((name) => !unsafeName.test(name), 'a file name cannot hold slashes or invisible characters'),
  type: z.string().max(100).regex(typeLetters, 'a type is written in plain letters').trim(),
  size: z.int().nonnegative(),
});

const body = z.object({
  email: emailAddress.optional(),
  /** Counted before any is read, so that a long list costs nothing. */
  photos: z.array(z.unknown()).transform(checkCount).pipe(z.array(photo)),
});

function checkCount(photos: unknown[]): unknown[] {
  if (photos.length > MAX_FILES)
    throw clientError(
      'too_many_photos',
      `Please choose at most ${MAX_FILES} photos at a time; these are ${photos.length}.`,
      { detail: { limit: MAX_FILES } },
    );
  return photos;
}

function checkLimits(photos: z.infer<typeof photo>[]): void {
  if (photos.length === 0) throw clientError('no_photos', 'Please choose at least one photo.');
  for (const photo of photos) {
    const { name, size } = photo;
    const detail = { photo: name };
    const refusal = refusalOf(photo);
    if (refusal)
      throw clientError('unsupported_type', `“${name}” cannot be taken. ${refusals[refusal]}`, {
        status: 415,
        detail,
      });
    if (size === 0)
      throw clientError('empty_photo', `“${name}” cannot be taken. ${refusals.empty}`, { detail });
    if (size > MAX_FILE_BYTES) {
      const limit = `${MAX_FILE_BYTES / 1_000_000} MB`;
      throw clientError(
        'photo_too_large',
        `“${name}” is larger than ${limit}, the most that we take. Please save it smaller and choose it again.`,
        {
          status: 413,
          detail: { ...detail, limit: MAX_FILE_BYTES },
        },
      );
    }
  }
}

export const handler = apiHandler(async (request) => {
  const { email = null, photos } = jsonBody(request, body);
  checkLimits(photos);
  const sessionId = randomUUID();
  const rows = photos.map(({ name, type, size }) => {
    const id = randomUUID();
    const accepted = acceptedType(type);
    const ending = accepted ? acceptedTypes[accepted] : 'bin';
    return { id, name, type, size, path: temporaryKey(sessionId, id, ending) };
  });
  const { expiresAt } = await queryOne(create, {
    sessionId,
    customerEmail: email,
    photos: JSON.stringify(rows),
    expirySeconds: UPLOAD_EXPIRY_SECONDS,
    ipAddress: request.ipAddress,
    userAgent: request.userAgent,
  });
  const uploads = rows.map(async ({ id, name, type, size, path }) => ({
    id,
    name,
    upload: await presign(path, type, size),
  }));
  return { status: 201, body: { sessionId, expiresAt, photos: await Promise.all(uploads) } };
});
