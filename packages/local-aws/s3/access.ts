/** Who may reach an object, and the way to its bytes. */
import type { Readable } from 'node:stream';
import type { Range } from './bytes.ts';
import { arnOf, nameOf, type ObjectRecord, type Place, type S3, type S3Request } from './catalogue.ts';
import { accessDenied, noSuchKey } from './errors.ts';
import { type Tags, tagContext } from './tags.ts';

/** Asks for what writing an object with these tags takes. */
export function authorizeWrite(authorize: S3Request['call']['authorize'], place: Place, tags: Tags): void {
  const context = tagContext('RequestObjectTag', tags);
  authorize('s3:PutObject', arnOf(place), context);
  if (Object.keys(tags).length > 0) authorize('s3:PutObjectTagging', arnOf(place), context);
}

/** Asks for a read of `place` and finds the object; to a caller who may not list the bucket, a missing one is forbidden. */
export function findObject(
  s3: S3,
  call: S3Request['call'],
  place: Place,
  action = 's3:GetObject',
  context = {},
) {
  const record = s3.objects.get(nameOf(place));
  call.authorize(action, arnOf(place), {
    ...context,
    ...tagContext('ExistingObjectTag', record?.tags ?? {}),
  });
  if (record) return record;
  try {
    call.authorize('s3:ListBucket', place.bucket.arn, { 's3:prefix': place.key });
  } catch {
    throw accessDenied();
  }
  throw noSuchKey(place.key);
}

/** Opens the bytes of the object that `find` finds; when it is replaced meanwhile, those of the new one. */
export async function openObject(
  s3: Pick<S3, 'objects' | 'bytes'>,
  find: () => ObjectRecord,
  rangeOf: (record: ObjectRecord) => Range | undefined,
): Promise<{ record: ObjectRecord; range: Range | undefined; body: Readable }> {
  for (;;) {
    const record = find();
    const range = rangeOf(record);
    try {
      return { record, range, body: await s3.bytes.read(record.file, range) };
    } catch (error) {
      if (s3.objects.get(nameOf({ bucket: { name: record.bucket }, key: record.key })) === record)
        throw error;
    }
  }
}
