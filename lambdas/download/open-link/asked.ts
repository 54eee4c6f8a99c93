/** What a request for a link asks for, and who asks: programs look at links that no person opened. */
import { createHash } from 'node:crypto';
import type { Request } from '../../platform/http.ts';

/**
 * `whole`: the file, which is a download. `beginning`: a part from its first byte on, a download
 * unless its viewer has begun one just now. `more`: a later part, or a try whether parts can be had.
 * `look`: nothing of it.
 */
export type Asked = 'whole' | 'beginning' | 'more' | 'look';

/** What programs say that fetch a link before anybody has followed it. */
const foretelling = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];
/** No photo is as small; programs ask for `0-0` to see whether parts can be had. */
const smallestPart = 1024;

export function askedOf({ method, headers }: Request): Asked {
  if (method === 'HEAD') return 'look';
  if (foretelling.some((name) => /prefetch|prerender|preview/i.test(headers[name] ?? ''))) return 'look';
  // Several parts, or what is none: servers answer the whole.
  const [, start, end] = /^bytes=(?=\S)(\d*)-(\d*)$/i.exec(headers.range?.trim() ?? '') ?? [];
  if (start === undefined || start + end === '') return 'whole';
  if (start === '' || Number(start) > 0) return 'more';
  return end !== '' && Number(end) < smallestPart ? 'more' : 'beginning';
}

/** The same for requests of one download. Of the token too, so that it tells nothing elsewhere. */
export const viewerOf = ({ path, ipAddress, userAgent }: Request) =>
  createHash('sha256').update(`${path.token}\n${ipAddress}\n${userAgent}`).digest('hex');
