/** Where a browser posts the bytes of one photo. */
import { S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { z } from 'zod';
import { count, settings } from '../platform/settings.ts';
import { unknownLabel } from './photo-types.ts';

const { TEMP_BUCKET, UPLOAD_URL_SECONDS } = settings({
  TEMP_BUCKET: z.string(),
  UPLOAD_URL_SECONDS: count,
});
const s3 = new S3Client({});

/**
 * One presigned POST: exactly this key, type and tag, and not a byte more than was announced. The
 * type is what the browser says, since some forms post that and not the field answered
 * here; what the photo really is, is written where it is kept.
 * @param size in bytes, as announced
 */
export function presign(path: string, label: string, size: number) {
  const type = label === '' ? unknownLabel : label;
  const tagging = '<Tagging><TagSet><Tag><Key>stage</Key><Value>upload</Value></Tag></TagSet></Tagging>';
  return createPresignedPost(s3, {
    Bucket: TEMP_BUCKET,
    Key: path,
    Fields: { 'Content-Type': type, tagging },
    Conditions: [
      ['eq', '$Content-Type', type],
      ['eq', '$tagging', tagging],
      ['content-length-range', 1, size],
    ],
    Expires: UPLOAD_URL_SECONDS,
  });
}
