/** CopyObject. */
import { AwsError, notImplemented } from '../gateway/index.ts';
import { authorizeWrite, findObject, openObject } from './access.ts';
import { attributesOf, encrypted, quoted } from './attributes.ts';
import type { Operation, Place, S3, S3Request } from './catalogue.ts';
import { type Attributes, arnOf, nameOf, type ObjectRecord } from './catalogue.ts';
import { assertWritable, judgeRead } from './conditions.ts';
import { storeObject } from './deposit.ts';
import { invalidArgument, noSuchBucket, preconditionFailed } from './errors.ts';
import { statedAlgorithms } from './intake.ts';
import { tagContext } from './tags.ts';
import { xmlAnswer } from './xml.ts';

/** The object that `x-amz-copy-source` names: `bucket/key`, percent-encoded. */
function copySource(s3: S3, header: string): Place {
  const [, name, path] = /^\/?([^/]+)\/(.+)$/s.exec(header) ?? [];
  if (name === undefined || path === undefined) {
    const rule = 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey';
    throw invalidArgument(rule, 'x-amz-copy-source', header);
  }
  if (path.includes('?')) throw notImplemented('S3', 'a copy of a version');
  const bucket = s3.buckets.get(name);
  if (!bucket) throw noSuchBucket(name);
  return { bucket, key: decodeURIComponent(path) };
}

/** Opens the source of a copy; throws unless the caller may read it and its conditions hold. */
function openSource(s3: S3, { call, headers }: S3Request, source: Place) {
  return openObject(s3, () => {
    const record = findObject(s3, call, source);
    const judgement = judgeRead(headers, record, 'x-amz-copy-source-');
    if (judgement !== 'met') throw preconditionFailed('x-amz-copy-source-If-*');
    return record;
  });
}

/** `COPY` unless the header says `REPLACE`. */
function replaces(headers: S3Request['headers'], header: string): boolean {
  const directive = headers[header] ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw invalidArgument('Unknown directive.', header, directive);
  return directive === 'REPLACE';
}

/** The copy's attributes: its own as far as the directives replace the source's. */
function copiedAttributes(request: S3Request, source: Place, record: ObjectRecord): Attributes {
  const { call, headers } = request;
  const own = attributesOf(headers);
  const described = replaces(headers, 'x-amz-metadata-directive') ? own : record;
  const { tags } = replaces(headers, 'x-amz-tagging-directive') ? own : record;
  if (tags === record.tags && Object.keys(tags).length > 0)
    call.authorize('s3:GetObjectTagging', arnOf(source), tagContext('ExistingObjectTag', tags));
  return {
    contentType: described.contentType,
    headers: described.headers,
    metadata: described.metadata,
    tags,
  };
}

function assertNotOntoItself({ headers, ...place }: S3Request, source: Place) {
  const directives = ['x-amz-metadata-directive', 'x-amz-tagging-directive'];
  const changes = directives.some((each) => headers[each] === 'REPLACE');
  if (nameOf(place) !== nameOf(source) || changes) return;
  const cause = 'it is trying to copy an object to itself without changing';
  const members = 'metadata, storage class, website redirect location or encryption attributes';
  const message = `This copy request is illegal because ${cause} the object's ${members}.`;
  throw new AwsError('InvalidRequest', message);
}

export const copyObject: Operation = async (s3, request) => {
  const { call, headers, key } = request;
  const source = copySource(s3, headers['x-amz-copy-source'] ?? '');
  const { record, body } = await openSource(s3, request, source);
  const asked = statedAlgorithms(headers);
  try {
    assertNotOntoItself(request, source);
    const attributes = copiedAttributes(request, source, record);
    authorizeWrite(call.authorize, request, attributes.tags);
    assertWritable(headers, key, s3.objects.get(nameOf(request)));
    const algorithms = record.checksum ? [record.checksum.algorithm, ...asked] : asked;
    const copy = await storeObject(s3, {
      place: request,
      attributes,
      received: await s3.bytes.receive(body, { algorithms }),
      event: 'ObjectCreated:Copy',
      allowed: (current) => assertWritable(headers, key, current),
    });
    const result = { LastModified: new Date(copy.modified).toISOString(), ETag: quoted(copy.etag) };
    return xmlAnswer('CopyObjectResult', result, { headers: encrypted });
  } finally {
    body.destroy();
  }
};
