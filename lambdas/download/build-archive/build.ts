/** Builds an archive, streamed S3 to S3: memory holds a few parts of it, and no photo. */
import { Readable } from 'node:stream';
import { Upload } from '@aws-sdk/lib-storage';
import {
  abortUnfinished,
  isPreconditionFailed,
  measureObject,
  objectBytes,
  s3,
} from '../../platform/objects.ts';
import { type ZipEntry, zip, zipLayout } from './zip.ts';

export type ArchivedPhoto = {
  /** In the archive. */
  name: string;
  storageBucket: string;
  storagePath: string;
  /** Bytes; null, as the sum, for what was stored before it was measured. */
  size: number | null;
  crc32: number | null;
  restoredAt: string;
};

type Entry = ZipEntry & Pick<ArchivedPhoto, 'storageBucket' | 'storagePath'>;

/** One after the other, because photos without a sum are read through. */
async function measured(photos: ArchivedPhoto[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const { name, storageBucket, storagePath, size, crc32, restoredAt } of photos) {
    const known =
      size !== null && crc32 !== null ? { size, crc32 } : await measureObject(storageBucket, storagePath);
    entries.push({ name, storageBucket, storagePath, modified: new Date(restoredAt), ...known });
  }
  return entries;
}

/** Four at a time are 64 MB at most, with those being filled. */
const usualPart = 8 * 1024 ** 2;
/** S3 takes no more of them. */
const mostParts = 10_000;

/**
 * Parts of a run that died are thrown away first: who calls must be the only one to build this one.
 * @throws StepError `photo_changed` when a photo is not the one that its row tells of
 */
export async function buildArchive(photos: ArchivedPhoto[], bucket: string, key: string): Promise<void> {
  await abortUnfinished(bucket, key);
  const entries = await measured(photos);
  const { length } = zipLayout(entries);
  const bytes = zip(entries, ({ storageBucket, storagePath }) => objectBytes(storageBucket, storagePath));
  const body = Readable.from(bytes, { objectMode: false });
  const upload = new Upload({
    client: s3,
    partSize: Math.max(usualPart, Math.ceil(length / mostParts)),
    queueSize: 4,
    params: { Bucket: bucket, Key: key, Body: body, ContentType: 'application/zip', IfNoneMatch: '*' },
  });
  try {
    await upload.done();
  } catch (error) {
    // Another run was quicker.
    if (!isPreconditionFailed(error)) throw error;
  } finally {
    body.destroy();
  }
}
