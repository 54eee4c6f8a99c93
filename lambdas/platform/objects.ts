/** The few things the steps do with S3 objects, with what S3's answers mean said once. */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectTaggingCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { internalError, retryLater } from './errors.ts';

/** One client per process. */
export const s3 = new S3Client({});

const hasStatus = (error: unknown, status: number) =>
  error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;

/**
 * 404 alone, which S3 answers to who may list the bucket. A 403 says that we may not know: that is
 * a fault of ours and thrown, so that the message comes again and ends as a dead letter.
 */
const isMissing = (error: unknown) =>
  hasStatus(error, 404) && error instanceof Error && error.name !== 'NoSuchBucket';

/** 412: the key exists already, or the object is not the one that was meant. */
export const isPreconditionFailed = (error: unknown) => hasStatus(error, 412);

export type Head = {
  bytes: Uint8Array;
  /** Of the whole object, in bytes. */
  size: number;
  /** Without its quotation marks. */
  etag: string;
};

/** The first `length` bytes of an object, fewer if it is smaller; undefined if there is none. */
export async function readHead(bucket: string, key: string, length: number): Promise<Head | undefined> {
  try {
    const object = await s3.send(
      new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=0-${length - 1}` }),
    );
    const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
    const size = Number(object.ContentRange?.split('/')[1] ?? object.ContentLength ?? 0);
    return { bytes, size, etag: bareEtag(object.ETag) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    // 416: a range of an empty object cannot be satisfied.
    if (hasStatus(error, 416)) return { bytes: new Uint8Array(), size: 0, etag: 'empty' };
    throw error;
  }
}

export type OpenObject = {
  /** As they come; whoever has enough of them ends the iteration, and the rest is not sent. */
  bytes: AsyncIterable<Uint8Array>;
  /** In bytes. */
  size: number;
  /** Without its quotation marks. */
  etag: string;
};

/** An object to be read as it comes; undefined if there is none. */
export async function openObject(bucket: string, key: string): Promise<OpenObject | undefined> {
  try {
    const { Body, ContentLength, ETag } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const size = ContentLength ?? 0;
    const body = Body instanceof Readable ? Body : Readable.from([]);
    return { bytes: whole(body, size), size, etag: bareEtag(ETag) };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A connection that closes early is no shorter object. */
async function* whole(body: Readable, size: number): AsyncGenerator<Uint8Array> {
  let left = size;
  for await (const chunk of body) {
    left -= chunk.length;
    yield chunk;
  }
  if (left > 0) throw retryLater('object_broke_off', `S3 has sent ${size - left} of ${size} bytes.`);
}

/** ETags travel in quotation marks; rows and messages keep them bare. */
const bareEtag = (etag = '') => etag.replaceAll('"', '');

export async function exists(bucket: string, key: string): Promise<boolean> {
  try {
    await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export async function deleteObject(bucket: string, key: string): Promise<void> {
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
}

/** Sets the tag that lifecycle rules read. False if there is no such object. */
export async function tagStage(bucket: string, key: string, stage: string): Promise<boolean> {
  try {
    const Tagging = { TagSet: [{ Key: 'stage', Value: stage }] };
    await s3.send(new PutObjectTaggingCommand({ Bucket: bucket, Key: key, Tagging }));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export type CopyResult = 'copied' | 'already there' | 'source missing' | 'source changed';

/**
 * Copies an object that must still be the one with `etag`, to a key that must still be free.
 * Its tags are replaced by none, since what is kept does not expire, and its type by what it really
 * is.
 */
export async function copyOnce(
  from: { bucket: string; key: string; etag: string },
  to: { bucket: string; key: string; contentType: string },
): Promise<CopyResult> {
  if (await exists(to.bucket, to.key)) return 'already there';
  try {
    await s3.send(
      new CopyObjectCommand({
        Bucket: to.bucket,
        Key: to.key,
        CopySource: `${from.bucket}/${from.key}`,
        CopySourceIfMatch: from.etag,
        IfNoneMatch: '*',
        MetadataDirective: 'REPLACE',
        ContentType: to.contentType,
        TaggingDirective: 'REPLACE',
        Tagging: '',
      }),
    );
    return 'copied';
  } catch (error) {
    if (isMissing(error)) return 'source missing';
    if (!isPreconditionFailed(error)) throw error;
    return (await exists(to.bucket, to.key)) ? 'already there' : 'source changed';
  }
}

/** A whole object, for what is known to be small. */
export async function readBytes(bucket: string, key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

/**
 * An object's bytes as they come. Its end, or who stops reading, closes the connection.
 * @throws StepError `object_missing`
 */
export async function objectBytes(bucket: string, key: string): Promise<AsyncIterable<Uint8Array>> {
  const object = await openObject(bucket, key);
  if (!object) throw internalError('object_missing', `There is no object ${key}.`);
  return object.bytes;
}

/** The size in bytes and the CRC-32 of an object, which is read through for it. */
export async function measureObject(bucket: string, key: string): Promise<{ size: number; crc32: number }> {
  let [size, sum] = [0, 0];
  for await (const chunk of await objectBytes(bucket, key)) {
    size += chunk.length;
    sum = crc32(chunk, sum);
  }
  return { size, crc32: sum };
}

/** Throws away the parts that runs which died have left of an object. */
export async function abortUnfinished(bucket: string, key: string): Promise<void> {
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }));
  const aborted = Uploads.map(({ UploadId }) =>
    s3
      .send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId }))
      .catch((error: unknown) => {
        // It was completed or aborted meanwhile.
        if (!hasStatus(error, 404)) throw error;
      }),
  );
  await Promise.all(aborted);
}
