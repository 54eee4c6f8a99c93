/** Which operation a call on an object or bucket is, by its method, query and headers. */
import { notImplemented } from '../gateway/index.ts';
import type { Operation, S3Request } from './catalogue.ts';
import { copyObject } from './copy.ts';
import { listObjects } from './listing.ts';
import { abortUpload, completeUpload, createUpload, listUploads, uploadPart } from './multipart.ts';
import { deleteObject, getObject, headObject, putObject } from './objects.ts';
import { getTagging, putTagging } from './tagging.ts';

type Route = {
  method: string;
  /** Query parameters that make it this operation. */
  query?: string[];
  /** Query parameters that it understands. */
  options?: string[];
  /** Whether `x-amz-copy-source` is given. */
  copies?: boolean;
  operation: Operation;
};

const paging = ['max-keys', 'continuation-token', 'start-after'];
const list = ['prefix', 'delimiter', ...paging, 'encoding-type', 'fetch-owner'];

const bucketRoutes: Route[] = [
  { method: 'GET', query: ['list-type'], options: list, operation: listObjects },
  { method: 'GET', query: ['uploads'], options: ['prefix', 'max-uploads'], operation: listUploads },
];

const objectRoutes: Route[] = [
  { method: 'GET', operation: getObject },
  { method: 'HEAD', operation: headObject },
  { method: 'PUT', operation: putObject },
  { method: 'PUT', copies: true, operation: copyObject },
  { method: 'DELETE', operation: deleteObject },
  { method: 'GET', query: ['tagging'], operation: getTagging },
  { method: 'PUT', query: ['tagging'], operation: putTagging },
  { method: 'POST', query: ['uploads'], operation: createUpload },
  { method: 'PUT', query: ['partNumber', 'uploadId'], operation: uploadPart },
  { method: 'POST', query: ['uploadId'], operation: completeUpload },
  { method: 'DELETE', query: ['uploadId'], operation: abortUpload },
];

/**
 * Parameters of signatures and of presigned answers, and what S3 ignores: the checksum of an empty
 * body that the client puts into presigned URLs, and callers' own marks, which begin with `x-`.
 */
const signing = 'algorithm|credential|date|expires|signedheaders|signature|content-sha256|user-agent';
const ignored = 'checksum-.+|sdk-checksum-algorithm';
const always = new RegExp(`^(x-(?!amz-).+|x-amz-(${signing}|${ignored})|response-.+)$`, 'i');

/** The operation of `request`; throws NotImplemented for any that no caller needs yet. */
export function operationOf({ call, key, headers }: S3Request): Operation {
  const given = [...new Set(call.query.keys())].filter((name) => !always.test(name));
  const copies = headers['x-amz-copy-source'] !== undefined;
  const route = (key === '' ? bucketRoutes : objectRoutes).find(
    ({ method, query = [], options = [], copies: needsSource = false }) =>
      method === call.method &&
      needsSource === copies &&
      query.every((name) => given.includes(name)) &&
      given.every((name) => query.includes(name) || options.includes(name)),
  );
  if (route) return route.operation;
  const what = call.query.get('x-id') ?? [call.method, ...given].join(' ');
  throw notImplemented('S3', key === '' ? `${what} on a bucket` : what);
}
