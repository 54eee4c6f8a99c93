/** Where objects lie in the buckets. Keys are made of our ids: a file name is never part of one. */
import { createHash } from 'node:crypto';

export const prefixes = {
  temp: 'uploads/temp/',
  originals: 'uploads/originals/',
  restored: 'uploads/restored/',
  archives: 'uploads/archives/',
} as const;

/** @param ending without its dot */
export const temporaryKey = (sessionId: string, uploadId: string, ending: string) =>
  `${prefixes.temp}${sessionId}/${uploadId}.${ending}`;

/** The ids in a temporary key; undefined for a key that is not ours. */
export function readTemporaryKey(key: string): { sessionId: string; uploadId: string } | undefined {
  const [, sessionId, uploadId] = /^uploads\/temp\/([0-9a-f-]{36})\/([0-9a-f-]{36})\.\w+$/.exec(key) ?? [];
  return sessionId && uploadId ? { sessionId, uploadId } : undefined;
}

/** For PostgreSQL's `format`, which fills in order, image and ending. */
export const originalKeyFormat = `${prefixes.originals}%s/%s.%s`;

/** Without its ending, which the picture itself decides. */
export const restoredStem = (orderId: string, originalId: string) =>
  `${prefixes.restored}${orderId}/${originalId}`;

/** The same photos are the same archive, whichever link asks for it. */
export function archiveKey(orderId: string, imageIds: string[]): string {
  const hash = createHash('sha256')
    .update([...imageIds].sort().join('\n'))
    .digest('hex')
    .slice(0, 32);
  return `${prefixes.archives}${orderId}/${hash}.zip`;
}
