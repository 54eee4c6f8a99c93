/** The address at which the provider fetches a photo, marked for the attempt it is fetched for. */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { s3 } from '../../platform/objects.ts';
import { type Attempt, attemptMarker } from '../../providers/restoration.ts';

/** The marker is added before signing: S3 ignores signed parameters that begin with `x-`, and refuses unsigned ones. */
export async function presignPhoto(
  bucket: string,
  key: string,
  attempt: Attempt,
  expiresIn: number,
): Promise<string> {
  const { name, value } = attemptMarker(attempt);
  const command = new GetObjectCommand({ Bucket: bucket, Key: key });
  command.middlewareStack.add(
    (next) => (call) => {
      const request = call.request as { query: Record<string, string> };
      request.query[name] = value;
      return next(call);
    },
    { step: 'build', name: 'attemptMarker' },
  );
  return getSignedUrl(s3, command, { expiresIn });
}
