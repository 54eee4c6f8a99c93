/** S3's event messages about the temporary bucket, read down to the uploads they speak of. */
import { z } from 'zod';
import { readTemporaryKey } from '../platform/object-keys.ts';

/** A message of S3's: its records, or the test event it sends to a new target. */
export const s3Event = z.union([
  z.object({ Event: z.literal('s3:TestEvent') }),
  z.object({ Records: z.array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) })) }),
]);

export type TemporaryUpload = { key: string; sessionId: string; uploadId: string };

/** The uploads an event speaks of, of our keys. S3 encodes keys as forms do, a space as `+`. */
export function uploadsOf(event: z.infer<typeof s3Event>): TemporaryUpload[] {
  if ('Event' in event) return [];
  return event.Records.flatMap(({ s3 }) => {
    const key = decodeURIComponent(s3.object.key.replaceAll('+', ' '));
    const ids = readTemporaryKey(key);
    return ids ? [{ key, ...ids }] : [];
  });
}
