/** Conditional requests and ranges, as HTTP and S3 have them. */
import { AwsError } from '../gateway/index.ts';
import type { Range } from './bytes.ts';
import type { ObjectRecord, S3Request } from './catalogue.ts';
import { noSuchKey, preconditionFailed } from './errors.ts';

type Headers = S3Request['headers'];

const unquoted = (etag: string) => etag.trim().replace(/^"(.*)"$/, '$1');

/** Whether a list such as `"a", "b"` or `*` names this ETag. */
function names(list: string, etag: string): boolean {
  return list.trim() === '*' || list.split(',').map(unquoted).includes(etag);
}

/** HTTP dates have no milliseconds. */
const seconds = (ms: number) => Math.floor(ms / 1000);

function modifiedSince(record: ObjectRecord, date: string): boolean {
  return seconds(record.modified) > seconds(Date.parse(date));
}

type Judgement = 'met' | 'unchanged' | 'failed';

/**
 * What the conditions of a read say of `record`.
 * @param prefix `x-amz-copy-source-` for the source of a copy
 */
export function judgeRead(headers: Headers, record: ObjectRecord, prefix = ''): Judgement {
  const condition = (name: string) => headers[`${prefix}if-${name}`];
  const [match, noneMatch] = [condition('match'), condition('none-match')];
  const [since, unmodified] = [condition('modified-since'), condition('unmodified-since')];
  if (match !== undefined) {
    if (!names(match, record.etag)) return 'failed';
  } else if (unmodified !== undefined && modifiedSince(record, unmodified)) return 'failed';
  if (noneMatch !== undefined) return names(noneMatch, record.etag) ? 'unchanged' : 'met';
  return since !== undefined && !modifiedSince(record, since) ? 'unchanged' : 'met';
}

/** Throws unless If-Match and If-None-Match allow a write over `current`, the object there now. */
export function assertWritable(headers: Headers, key: string, current: ObjectRecord | undefined): void {
  const [match, noneMatch] = [headers['if-match'], headers['if-none-match']];
  if (noneMatch !== undefined && noneMatch.trim() !== '*') {
    const message = 'A header you provided implies functionality that is not implemented';
    throw new AwsError('NotImplemented', message, 501, { Header: 'If-None-Match' });
  }
  if (noneMatch !== undefined && current) throw preconditionFailed('If-None-Match');
  if (match === undefined) return;
  if (!current) throw noSuchKey(key);
  if (!names(match, current.etag)) throw preconditionFailed('If-Match');
}

/**
 * The bytes that a Range header asks for; undefined for all: S3 ignores what it does not know,
 * and several ranges at once. Throws InvalidRange when none of them exist.
 */
export function readRange(header: string | undefined, size: number): Range | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (header === undefined || first === undefined || last === undefined || first + last === '')
    return undefined;
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || (first === '' && Number(last) === 0))
    throw new AwsError('InvalidRange', 'The requested range is not satisfiable', 416, {
      RangeRequested: header,
      ActualObjectSize: String(size),
    });
  return { start, end };
}
