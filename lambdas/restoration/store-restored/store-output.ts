/** Streams a provider's picture to S3 under an ending that fits what it really is. */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { imageSize } from 'image-size';
import { internalError } from '../../platform/errors.ts';
import { isPreconditionFailed, measureObject, readHead, s3 } from '../../platform/objects.ts';
import { restorationError } from '../../providers/restoration-codes.ts';

export type StoredPhoto = {
  path: string;
  /** Bytes. */
  size: number;
  /** CRC-32 of its bytes, for archives. */
  crc32: number;
  mimeType: string;
  format: string;
  width: number;
  height: number;
};

/** A picture says its size well within this. */
const headBytes = 256 * 1024;

const mimeTypes: Record<string, string> = { jpg: 'image/jpeg', png: 'image/png', webp: 'image/webp' };

function measure(head: Uint8Array) {
  try {
    const { type = '', width, height } = imageSize(new Uint8Array(head));
    const mimeType = mimeTypes[type];
    if (mimeType && width > 0 && height > 0) return { format: type, mimeType, width, height };
  } catch {
    // Said below, for both cases.
  }
  throw restorationError('output_unreadable');
}

/** Reads until the head is whole; `rest` goes on from there. */
async function readHeadOf(stream: Readable): Promise<{ head: Buffer; rest: AsyncIterator<Buffer> }> {
  const rest: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  for (let length = 0; length < headBytes; ) {
    const { done, value } = await rest.next();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  return { head: Buffer.concat(chunks), rest };
}

/** What was stored by a run that died before it could say so. */
async function alreadyStored(bucket: string, path: string): Promise<StoredPhoto> {
  const stored = await readHead(bucket, path, headBytes);
  if (!stored) throw internalError('output_vanished', 'The restored photo was there, and then it was not.');
  return { path, ...measure(stored.bytes), ...(await measureObject(bucket, path)) };
}

/**
 * Stores the picture at `{stem}.{its real ending}`, unless one is there already.
 * @throws StepError `output_unreadable`
 */
export async function storeOutput(stream: Readable, bucket: string, stem: string): Promise<StoredPhoto> {
  try {
    const { head, rest } = await readHeadOf(stream);
    const picture = measure(head);
    const path = `${stem}.${picture.format}`;
    let size = head.length;
    let sum = crc32(head);
    async function* whole() {
      yield head;
      for (let next = await rest.next(); !next.done; next = await rest.next()) {
        size += next.value.length;
        sum = crc32(next.value, sum);
        yield next.value;
      }
    }
    const Body = Readable.from(whole(), { objectMode: false });
    const params = { Bucket: bucket, Key: path, Body, ContentType: picture.mimeType, IfNoneMatch: '*' };
    const stored = await storeIfNew(params);
    return stored ? { path, size, crc32: sum, ...picture } : await alreadyStored(bucket, path);
  } finally {
    stream.destroy();
  }
}

/** @returns false if something is there already */
async function storeIfNew(params: PutObjectCommandInput): Promise<boolean> {
  try {
    await new Upload({ client: s3, params }).done();
    return true;
  } catch (error) {
    if (isPreconditionFailed(error)) return false;
    throw error;
  }
}
