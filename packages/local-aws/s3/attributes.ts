/** What headers say of an object when it is written, and what its headers are when it is read. */
import type { Range } from './bytes.ts';
import type { Attributes, ObjectRecord, S3Request } from './catalogue.ts';
import { invalidArgument } from './errors.ts';
import { checksumHeaders } from './intake.ts';
import { tagsOfHeader } from './tags.ts';

/** Headers kept with an object and given back as they came. */
const keptHeaders = ['cache-control', 'content-disposition', 'content-language', 'expires'];
const metadataPrefix = 'x-amz-meta-';

export const defaultContentType = 'binary/octet-stream';

/** A header's value, or a refusal of what HTTP could not carry back. */
function carried(name: string, value: string): string {
  if (/[^\t\x20-\xff]/.test(value))
    throw invalidArgument(`Header value cannot be represented using ISO-8859-1.(${name})`, name, value);
  return value;
}

/** What the headers of a write say of the object. */
export function attributesOf(headers: S3Request['headers']): Attributes {
  const entries = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, carried(name, value)]],
  );
  const encoding = (headers['content-encoding'] ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '' && each !== 'aws-chunked')
    .join(',');
  return {
    contentType: headers['content-type'] ?? defaultContentType,
    headers: {
      ...Object.fromEntries(entries.filter(([name]) => keptHeaders.includes(name))),
      ...(encoding && { 'content-encoding': encoding }),
    },
    metadata: Object.fromEntries(
      entries
        .filter(([name]) => name.startsWith(metadataPrefix))
        .map(([name, value]) => [name.slice(metadataPrefix.length), value]),
    ),
    tags: tagsOfHeader(headers['x-amz-tagging']),
  };
}

/** `response-content-type` and its like, which a presigned URL may carry. */
function overrides(query: URLSearchParams): Record<string, string> {
  const names = ['content-type', 'content-encoding', ...keptHeaders];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = query.get(`response-${name}`);
      return value === null ? [] : [[name, carried(`response-${name}`, value)]];
    }),
  );
}

/** The headers of a GET or HEAD of `record`, or of a range of it. */
export function readHeaders(record: ObjectRecord, request: S3Request, range?: Range): Record<string, string> {
  const withChecksum = request.headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED' && !range;
  const tagCount = Object.keys(record.tags).length;
  return {
    'content-type': record.contentType,
    ...record.headers,
    ...overrides(request.call.query),
    ...Object.fromEntries(
      Object.entries(record.metadata).map(([name, value]) => [metadataPrefix + name, value]),
    ),
    'accept-ranges': 'bytes',
    ...encrypted,
    etag: quoted(record.etag),
    'last-modified': new Date(record.modified).toUTCString(),
    'content-length': String(range ? range.end - range.start + 1 : record.size),
    ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${record.size}` }),
    ...(tagCount > 0 && { 'x-amz-tagging-count': String(tagCount) }),
    ...(withChecksum &&
      record.checksum && {
        ...checksumHeaders({ [record.checksum.algorithm]: record.checksum.value }),
        'x-amz-checksum-type': 'FULL_OBJECT',
      }),
  };
}

/** Every bucket here is encrypted with S3's own keys, and S3 says so. */
export const encrypted = { 'x-amz-server-side-encryption': 'AES256' };

export const quoted = (etag: string) => `"${etag}"`;
