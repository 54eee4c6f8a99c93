/** ListObjectsV2, for people who look around. */
import { quoted } from './attributes.ts';
import type { ObjectRecord, Operation } from './catalogue.ts';
import { urlEncoded, xmlAnswer } from './xml.ts';

type Row = { key: string; record?: ObjectRecord };

/** Objects by key, those that share a stretch up to the delimiter drawn together into one row. */
function rows(records: ObjectRecord[], prefix: string, delimiter: string): Row[] {
  const byKey = new Map<string, Row>();
  for (const record of records) {
    const { key } = record;
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const shown = cut < 0 ? key : key.slice(0, cut + delimiter.length);
    byKey.set(shown, cut < 0 ? { key: shown, record } : { key: shown });
  }
  return [...byKey.values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}

const after = (token: string) => Buffer.from(token, 'base64url').toString('utf8');

/** ListObjectsV2. */
export const listObjects: Operation = async (s3, { call, bucket }) => {
  const ask = (name: string) => call.query.get(name) ?? '';
  const [prefix, delimiter, token] = [ask('prefix'), ask('delimiter'), ask('continuation-token')];
  call.authorize('s3:ListBucket', bucket.arn, { 's3:prefix': prefix });
  const encode = ask('encoding-type') === 'url' ? urlEncoded : (text: string) => text;
  const max = Math.min(1000, Number(ask('max-keys') || 1000));
  const start = token === '' ? ask('start-after') : after(token);
  const records = s3.objects.entries().map(([, record]) => record);
  const held = records.filter((each) => each.bucket === bucket.name && each.key.startsWith(prefix));
  const found = rows(held, prefix, delimiter).filter(
    ({ key }) => Buffer.from(key).compare(Buffer.from(start)) > 0,
  );
  const page = found.slice(0, max);
  const last = found.length > max ? page.at(-1) : undefined;
  return xmlAnswer('ListBucketResult', {
    Name: bucket.name,
    Prefix: encode(prefix),
    ...(delimiter && { Delimiter: encode(delimiter) }),
    ...(token && { ContinuationToken: token }),
    ...(call.query.has('start-after') && { StartAfter: encode(ask('start-after')) }),
    MaxKeys: max,
    KeyCount: page.length,
    ...(ask('encoding-type') && { EncodingType: 'url' }),
    IsTruncated: last !== undefined,
    ...(last && { NextContinuationToken: Buffer.from(last.key).toString('base64url') }),
    Contents: page.flatMap(({ key, record }) =>
      record
        ? [
            {
              Key: encode(key),
              LastModified: new Date(record.modified).toISOString(),
              ETag: quoted(record.etag),
              Size: record.size,
              ...(ask('fetch-owner') === 'true' && { Owner: { ID: 'local' } }),
              StorageClass: 'STANDARD',
            },
          ]
        : [],
    ),
    CommonPrefixes: page.flatMap(({ key, record }) => (record ? [] : [{ Prefix: encode(key) }])),
  });
};
