/** Who may reach an object, and the way to its bytes. */
import type { Readable } from 'node:stream';
import type { AwsCall } from '../gateway/index.ts';
import type { Range } from './bytes.ts';
import { arnOf, nameOf, type ObjectRecord, type Place, type S3 } from './catalogue.ts';
import { accessDenied, noSuchKey } from './errors.ts';
import { type Tags, tagContext } from './tags.ts';

/** Asks for what writing an object with these tags takes. */
export function authorizeWrite(authorize: AwsCall['authorize'], place: Place, tags: Tags): void {
  const context = tagContext('RequestObjectTag', tags);
  authorize('s3:PutObject', arnOf(place), context);
  if (Object.keys(tags).length > 0) authorize('s3:PutObjectTagging', arnOf(place), context);
}

/** The object, if the caller may read it; one that is missing is forbidden to who may not list. */
export function findObject(s3: S3, call: AwsCall, place: Place, action = 's3:GetObject', context = {}) {
  const record = s3.objects.get(nameOf(place));
  const existing = tagContext('ExistingObjectTag', record?.tags ?? {});
  call.authorize(action, arnOf(place), { ...context, ...existing });
  if (record) return record;
  try {
    call.authorize('s3:ListBucket', place.bucket.arn, { 's3:prefix': place.key });
  } catch {
    throw accessDenied();
  }
  throw noSuchKey(place.key);
}

/** Opens the bytes of the object that `find` finds, or of the one that replaced it meanwhile. */
export async function openObject(
  s3: Pick<S3, 'objects' | 'bytes'>,
  find: () => ObjectRecord,
  rangeOf: (record: ObjectRecord) => Range | undefined = () => undefined,
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
