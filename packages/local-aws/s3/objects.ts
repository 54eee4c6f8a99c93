/** Whole objects: put, get, head, delete. */
import { type AwsAnswer, notImplemented } from '../gateway/index.ts';
import { authorizeWrite, findObject, openObject } from './access.ts';
import { attributesOf, encrypted, quoted, readHeaders } from './attributes.ts';
import { arnOf, nameOf, type ObjectRecord, type Operation, type S3Request } from './catalogue.ts';
import { assertWritable, judgeRead, readRange } from './conditions.ts';
import { removeObject, storeObject } from './deposit.ts';
import { preconditionFailed } from './errors.ts';
import { checksumHeaders, receiveBody } from './intake.ts';

/** PutObject. */
export const putObject: Operation = async (s3, request) => {
  const { call, headers, key } = request;
  const attributes = attributesOf(headers);
  authorizeWrite(call.authorize, request, attributes.tags);
  if (headers['if-match'] !== undefined) call.authorize('s3:GetObject', arnOf(request));
  assertWritable(headers, key, s3.objects.get(nameOf(request)));
  const received = await receiveBody(s3, request);
  const record = await storeObject(s3, {
    place: request,
    attributes,
    received,
    event: 'ObjectCreated:Put',
    allowed: (current) => assertWritable(headers, key, current),
  });
  const answered = { etag: quoted(record.etag), ...encrypted, ...checksumHeaders(received.checksums) };
  return { status: 200, headers: answered };
};

/** A 304 for what the caller has already, or undefined; throws when a condition fails. */
function unchanged(record: ObjectRecord, headers: S3Request['headers']): AwsAnswer | undefined {
  const judgement = judgeRead(headers, record);
  if (judgement === 'failed')
    throw preconditionFailed(headers['if-match'] ? 'If-Match' : 'If-Unmodified-Since');
  if (judgement === 'met') return undefined;
  return {
    status: 304,
    headers: { etag: quoted(record.etag), 'last-modified': new Date(record.modified).toUTCString() },
  };
}

/** GetObject. */
export const getObject: Operation = async (s3, request) => {
  const found = findObject(s3, request.call, request);
  const cached = unchanged(found, request.headers);
  if (cached) return cached;
  const { record, range, body } = await openObject(
    s3,
    () => findObject(s3, request.call, request),
    ({ size }) => readRange(request.headers.range, size),
  );
  return { status: range ? 206 : 200, headers: readHeaders(record, request, range), body };
};

/** HeadObject. */
export const headObject: Operation = async (s3, request) => {
  const record = findObject(s3, request.call, request);
  const cached = unchanged(record, request.headers);
  if (cached) return cached;
  const range = readRange(request.headers.range, record.size);
  return { status: range ? 206 : 200, headers: readHeaders(record, request, range) };
};

/** DeleteObject: a missing key is as good as a deleted one. */
export const deleteObject: Operation = async (s3, request) => {
  request.call.authorize('s3:DeleteObject', arnOf(request));
  if (request.headers['if-match'] !== undefined) throw notImplemented('S3', 'DeleteObject with If-Match');
  const record = s3.objects.get(nameOf(request));
  if (record) await removeObject(s3, record, 'ObjectRemoved:Delete');
  return { status: 204 };
};
