/** Uploads in parts, and what becomes of them. */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AwsError, notImplemented } from '../gateway/index.ts';
import { authorizeWrite } from './access.ts';
import { attributesOf, encrypted, quoted } from './attributes.ts';
import type { Received } from './bytes.ts';
import type { PartRecord, S3, S3Request, UploadRecord } from './catalogue.ts';
import { arnOf, nameOf, type ObjectRecord, type Operation } from './catalogue.ts';
import { assertWritable } from './conditions.ts';
import { storeObject } from './deposit.ts';
import { type Algorithm, algorithms } from './digest.ts';
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
  const result = { Bucket: bucket.name, Key: key, UploadId: id };
  const answered = { ...encrypted, ...checksumAnswer(headers) };
  return xmlAnswer('InitiateMultipartUploadResult', result, { headers: answered });
};

/** Tells a client that asked for checksums of its parts how they are made. */
function checksumAnswer(headers: S3Request['headers']): Record<string, string> {
  const algorithm = headers['x-amz-checksum-algorithm'];
  if (algorithm === undefined) return {};
  if (!algorithms.some((known) => known === algorithm)) throw notImplemented('S3', `parts with ${algorithm}`);
  const type = headers['x-amz-checksum-type'] ?? 'COMPOSITE';
  return { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type };
}

function partNumber(query: URLSearchParams): number {
  const given = query.get('partNumber') ?? '';
  const number = Number(given);
  if (Number.isInteger(number) && number >= 1 && number <= mostParts) return number;
  const rule = `Part number must be an integer between 1 and ${mostParts}, inclusive`;
  throw invalidArgument(rule, 'partNumber', given);
}

/** Makes received bytes a part, in place of an earlier one of that number. */
async function keepPart(s3: S3, id: string, number: number, part: Received): Promise<void> {
  const current = s3.uploads.get(id);
  if (!current) {
    await s3.bytes.remove(part.file);
    throw noSuchUpload(id);
  }
  const replaced = current.parts[number];
  await s3.uploads.put(id, { ...current, parts: { ...current.parts, [number]: part } });
  if (replaced) await s3.bytes.remove(replaced.file);
}

/** UploadPart. */
export const uploadPart: Operation = async (s3, request) => {
  request.call.authorize('s3:PutObject', arnOf(request));
  const number = partNumber(request.call.query);
  const { id } = findUpload(s3, request);
  const part = await receiveBody(s3, request);
  await keepPart(s3, id, number, part);
  const headers = { etag: quoted(part.md5), ...encrypted, ...checksumHeaders(part.checksums) };
  return { status: 200, headers };
};

const partNamed = z.object({
  PartNumber: z.coerce.number().int(),
  ETag: z.string(),
  ChecksumCRC32: z.string().optional(),
  ChecksumSHA1: z.string().optional(),
  ChecksumSHA256: z.string().optional(),
});
const completion = z.object({ CompleteMultipartUpload: z.object({ Part: z.array(partNamed).min(1) }) });

type StatedPart = z.infer<typeof partNamed>;

const invalidPart = () => {
  const cause = "or the specified entity tag may not match the part's entity tag.";
  const message = `The part may not have been uploaded, ${cause}`;
  return new AwsError('InvalidPart', `One or more of the specified parts could not be found.  ${message}`);
};

function statedPart(upload: UploadRecord, stated: StatedPart): PartRecord {
  const part = upload.parts[stated.PartNumber];
  if (!part || part.md5 !== stated.ETag.replaceAll('"', '')) throw invalidPart();
  const differs = (algorithm: Algorithm) =>
    stated[`Checksum${algorithm}`] !== undefined &&
    stated[`Checksum${algorithm}`] !== part.checksums[algorithm];
  if (algorithms.some(differs)) throw invalidPart();
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

/** @param sums the MD5 of each part, in hex */
function compositeEtag(sums: string[]): string {
  const digests = Buffer.concat(sums.map((sum) => Buffer.from(sum, 'hex')));
  return `${createHash('md5').update(digests).digest('hex')}-${sums.length}`;
}

/** Joins the parts into one file; an upload that was aborted meanwhile is none. */
async function joinParts(s3: S3, id: string, parts: PartRecord[]): Promise<Received> {
  try {
    return await s3.bytes.receive(joined(s3, parts), { maxSize: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw s3.uploads.get(id) ? error : noSuchUpload(id);
  }
}

/** The object, if this very upload was completed before: asked again, S3 answers the same. */
function completedBefore(s3: S3, request: S3Request, stated: StatedPart[]): ObjectRecord | undefined {
  if (s3.uploads.get(request.call.query.get('uploadId') ?? '')) return undefined;
  const record = s3.objects.get(nameOf(request));
  const etag = compositeEtag(stated.map(({ ETag }) => ETag.replaceAll('"', '')));
  return record?.etag === etag ? record : undefined;
}

async function complete(s3: S3, request: S3Request, stated: StatedPart[]): Promise<ObjectRecord> {
  const { key, headers } = request;
  const { id, upload } = findUpload(s3, request);
  const parts = chosenParts(upload, stated);
  assertWritable(headers, key, s3.objects.get(nameOf(request)));
  const record = await storeObject(s3, {
    place: request,
    attributes: upload.attributes,
    received: await joinParts(s3, id, parts),
    etag: compositeEtag(parts.map(({ md5 }) => md5)),
    event: 'ObjectCreated:CompleteMultipartUpload',
    allowed(current) {
      if (!s3.uploads.get(id)) throw noSuchUpload(id);
      assertWritable(headers, key, current);
    },
  });
  await discardUpload(s3, id);
  return record;
}

/** CompleteMultipartUpload. */
export const completeUpload: Operation = async (s3, request) => {
  const { call, bucket, key, headers } = request;
  call.authorize('s3:PutObject', arnOf(request));
  if (headers['if-match'] !== undefined) call.authorize('s3:GetObject', arnOf(request));
  const stated = (await readXml(request, completion)).CompleteMultipartUpload.Part;
  const record = completedBefore(s3, request, stated) ?? (await complete(s3, request, stated));
  const location = `http://${headers.host}${call.path}`;
  const result = { Location: location, Bucket: bucket.name, Key: key, ETag: quoted(record.etag) };
  return xmlAnswer('CompleteMultipartUploadResult', result, { headers: encrypted });
};

/** ListMultipartUploads, all of a prefix on one page: S3 would turn it after 1,000. */
export const listUploads: Operation = async (s3, { call, bucket }) => {
  call.authorize('s3:ListBucketMultipartUploads', bucket.arn);
  const prefix = call.query.get('prefix') ?? '';
  const found = s3.uploads
    .entries()
    .filter(([, upload]) => upload.bucket === bucket.name && upload.key.startsWith(prefix))
    .sort(([, one], [, other]) => (one.key < other.key ? -1 : one.initiated - other.initiated));
  return xmlAnswer('ListMultipartUploadsResult', {
    Bucket: bucket.name,
    Prefix: prefix,
    MaxUploads: 1000,
    IsTruncated: false,
    Upload: found.map(([UploadId, { key, initiated }]) => ({
      Key: key,
      UploadId,
      Initiated: new Date(initiated).toISOString(),
      StorageClass: 'STANDARD',
    })),
  });
};

/** AbortMultipartUpload. */
export const abortUpload: Operation = async (s3, request) => {
  request.call.authorize('s3:AbortMultipartUpload', arnOf(request));
  await discardUpload(s3, findUpload(s3, request).id);
  return { status: 204 };
};
