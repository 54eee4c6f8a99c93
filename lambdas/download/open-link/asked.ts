/**
 * What a request for a link asks for, and who asks: programs look at links that no person opened.
 */
import { createHash } from 'node:crypto';
import type { Request } from '../../platform/http.ts';

/**
 * `whole`: the file, which is a download. `part`: some of it, a download unless its viewer has
 * begun one just now. `look`: nothing of it, and an address that gives nothing of it.
 */
export type Asked = 'whole' | 'part' | 'look';

/** What programs say that fetch a link before anybody has followed it. */
const foretelling = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'];

export function askedOf({ method, headers }: Request): Asked {
  if (method === 'HEAD') return 'look';
  if (foretelling.some((name) => /prefetch|prerender|preview/i.test(headers[name] ?? ''))) return 'look';
  // Several parts, or what is none: servers answer the whole.
  const [, start, end] = /^bytes=(?=\S)(\d*)-(\d*)$/i.exec(headers.range?.trim() ?? '') ?? [];
  return start === undefined || start + end === '' ? 'whole' : 'part';
}

/** The same for requests of one download. Of the token too, so that it tells nothing elsewhere. */
export const viewerOf = ({ path, ipAddress, userAgent }: Request) =>
  createHash('sha256').update(`${path.token}\n${ipAddress}\n${userAgent}`).digest('hex');
