/** Uploads in parts, and what becomes of them. */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AwsError } from '../gateway/service.ts';
import { authorizeWrite } from './access.ts';
import { attributesOf, quoted } from './attributes.ts';
import type { Received } from './bytes.ts';
import {
  arnOf,
  nameOf,
  type Operation,
  type PartRecord,
  type S3,
  type S3Request,
  type UploadRecord,
} from './catalogue.ts';
import { assertWritable } from './conditions.ts';
import { copySource, openSource } from './copy.ts';
import { storeObject } from './deposit.ts';
import { invalidArgument, noSuchUpload, tooSmall } from './errors.ts';
import { checksumHeaders, readXml, receiveBody } from './intake.ts';
import { xmlAnswer } from './xml.ts';

const smallestPart = 5 * 1024 ** 2;
const mostParts = 10_000;

/** The upload a call names, which must be one of its bucket and key. */
function findUpload(s3: S3, { call, bucket, key }: S3Request): { id: string; upload: UploadRecord } {
  const id = call.query.get('uploadId') ?? '';
  const upload = s3.uploads.get(id);
  if (!upload || upload.bucket !== bucket.name || upload.key !== key) throw noSuchUpload(id);
  return { id, upload };
}

/** Forgets an upload and its parts. */
export async function discardUpload(s3: S3, id: string): Promise<void> {
  const parts = Object.values(s3.uploads.get(id)?.parts ?? {});
  await s3.uploads.delete(id);
  await Promise.all(parts.map(({ file }) => s3.bytes.remove(file)));
}

/** CreateMultipartUpload. */
export const createUpload: Operation = async (s3, request) => {
  const { call, bucket, key, headers } = request;
  const attributes = attributesOf(headers);
  authorizeWrite(call.authorize, request, attributes.tags);
  const id = randomUUID();
  await s3.uploads.put(id, {
    bucket: bucket.name,
    key,
    attributes,
    initiated: Math.floor(s3.clock.now()),
    parts: {},
  });
  return xmlAnswer('InitiateMultipartUploadResult', { Bucket: bucket.name, Key: key, UploadId: id });
};

function partNumber(query: URLSearchParams): number {
  const number = Number(query.get('partNumber'));
  if (Number.isInteger(number) && number >= 1 && number <= mostParts) return number;
  throw invalidArgument(
    `Part number must be an integer between 1 and ${mostParts}, inclusive`,
    'partNumber',
    query.get('partNumber') ?? '',
  );
}

/** Makes received bytes a part, in place of an earlier one of that number. */
async function keepPart(s3: S3, request: S3Request, number: number, part: Received): Promise<void> {
  const current = s3.uploads.get(request.call.query.get('uploadId') ?? '');
  if (!current) {
    await s3.bytes.remove(part.file);
    throw noSuchUpload(request.call.query.get('uploadId') ?? '');
  }
  const replaced = current.parts[number];
  await s3.uploads.put(request.call.query.get('uploadId') ?? '', {
    ...current,
    parts: { ...current.parts, [number]: part },
  });
  if (replaced) await s3.bytes.remove(replaced.file);
}

/** UploadPart. */
export const uploadPart: Operation = async (s3, request) => {
  request.call.authorize('s3:PutObject', arnOf(request));
  const number = partNumber(request.call.query);
  findUpload(s3, request);
  const part = await receiveBody(s3, request);
  await keepPart(s3, request, number, part);
  return { status: 200, headers: { etag: quoted(part.md5), ...checksumHeaders(part.checksums) } };
};

/** `bytes=a-b`, both within the source. */
function sourceRange(header: string | undefined, size: number) {
  if (header === undefined) return undefined;
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  if (start === undefined || end === undefined || Number(start) > Number(end) || Number(end) >= size)
    throw invalidArgument(
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      'x-amz-copy-source-range',
      header,
    );
  return { start: Number(start), end: Number(end) };
}

/** UploadPartCopy. */
export const uploadPartCopy: Operation = async (s3, request) => {
  const { call, headers } = request;
  call.authorize('s3:PutObject', arnOf(request));
  const number = partNumber(call.query);
  findUpload(s3, request);
  const source = copySource(s3, headers['x-amz-copy-source'] ?? '');
  const { body } = await openSource(s3, request, source, ({ size }) =>
    sourceRange(headers['x-amz-copy-source-range'], size),
  );
  const part = await s3.bytes.receive(body);
  await keepPart(s3, request, number, part);
  return xmlAnswer('CopyPartResult', {
    LastModified: new Date(s3.clock.now()).toISOString(),
    ETag: quoted(part.md5),
  });
};

const completion = z.object({
  CompleteMultipartUpload: z.object({
    Part: z
      .array(
        z.object({
          PartNumber: z.coerce.number().int(),
          ETag: z.string(),
          ChecksumCRC32: z.string().optional(),
          ChecksumSHA1: z.string().optional(),
          ChecksumSHA256: z.string().optional(),
        }),
      )
      .min(1),
  }),
});

type StatedPart = z.infer<typeof completion>['CompleteMultipartUpload']['Part'][number];

const invalidPart = () =>
  new AwsError(
    'InvalidPart',
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  );

function statedPart(upload: UploadRecord, stated: StatedPart): PartRecord {
  const part = upload.parts[stated.PartNumber];
  if (!part || part.md5 !== stated.ETag.replaceAll('"', '')) throw invalidPart();
  const { CRC32, SHA1, SHA256 } = part.checksums;
  const differs = (of: string | undefined, said: string | undefined) => said !== undefined && said !== of;
  if (differs(CRC32, stated.ChecksumCRC32)) throw invalidPart();
  if (differs(SHA1, stated.ChecksumSHA1) || differs(SHA256, stated.ChecksumSHA256)) throw invalidPart();
  return part;
}

/** The parts that make the object, in order; throws as S3 does when they cannot. */
function chosenParts(upload: UploadRecord, stated: StatedPart[]): PartRecord[] {
  if (stated.some(({ PartNumber }, at) => PartNumber <= (stated[at - 1]?.PartNumber ?? 0)))
    throw new AwsError(
      'InvalidPartOrder',
      'The list of parts was not in ascending order. Parts must be ordered by part number.',
    );
  const parts = stated.map((each) => statedPart(upload, each));
  const short = parts.findIndex(({ size }, at) => size < smallestPart && at < parts.length - 1);
  const part = parts[short];
  if (part)
    throw tooSmall(part.size, smallestPart, {
      PartNumber: String(stated[short]?.PartNumber),
      ETag: part.md5,
    });
  return parts;
}

async function* joined(s3: S3, parts: PartRecord[]): AsyncGenerator<Buffer> {
  for (const { file } of parts) yield* await s3.bytes.read(file);
}

function compositeEtag(parts: PartRecord[]): string {
  const digests = Buffer.concat(parts.map(({ md5 }) => Buffer.from(md5, 'hex')));
  return `${createHash('md5').update(digests).digest('hex')}-${parts.length}`;
}

/** Joins the parts into one file; an upload that was aborted meanwhile is none. */
async function joinParts(s3: S3, id: string, parts: PartRecord[]): Promise<Received> {
  try {
    return await s3.bytes.receive(joined(s3, parts), { maxSize: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw s3.uploads.get(id) ? error : noSuchUpload(id);
  }
}

/** CompleteMultipartUpload. */
export const completeUpload: Operation = async (s3, request) => {
  const { call, bucket, key, headers } = request;
  call.authorize('s3:PutObject', arnOf(request));
  if (headers['if-match'] !== undefined) call.authorize('s3:GetObject', arnOf(request));
  const { id, upload } = findUpload(s3, request);
  const { CompleteMultipartUpload } = await readXml(request, completion);
  const parts = chosenParts(upload, CompleteMultipartUpload.Part);
  assertWritable(headers, key, s3.objects.get(nameOf(request)));
  const record = await storeObject(s3, {
    place: request,
    attributes: upload.attributes,
    received: await joinParts(s3, id, parts),
    etag: compositeEtag(parts),
    event: 'ObjectCreated:CompleteMultipartUpload',
    allowed(current) {
      if (!s3.uploads.get(id)) throw noSuchUpload(id);
      assertWritable(headers, key, current);
    },
  });
  await discardUpload(s3, id);
  return xmlAnswer('CompleteMultipartUploadResult', {
    Location: `http://${headers.host}${call.path}`,
    Bucket: bucket.name,
    Key: key,
    ETag: quoted(record.etag),
  });
};

/** AbortMultipartUpload. */
export const abortUpload: Operation = async (s3, request) => {
  request.call.authorize('s3:AbortMultipartUpload', arnOf(request));
  await discardUpload(s3, findUpload(s3, request).id);
  return { status: 204 };
};
