/** A file read from its beginning to where its picture ends, a chunk of it in memory at a time. */

export type Bytes = {
  /** What is in memory; it is unread from `at` on. */
  data: Uint8Array;
  at: number;
  /** No more will come than is in memory. */
  ended: boolean;
  /** Waits until `count` bytes are unread, or all that are left. What was read is forgotten. */
  more(count: number): Promise<void>;
  /** No more will be asked for. */
  close(): Promise<void>;
};

export function readBytes(chunks: AsyncIterable<Uint8Array>): Bytes {
  const source = chunks[Symbol.asyncIterator]();
  const bytes: Bytes = {
    data: new Uint8Array(),
    at: 0,
    ended: false,
    async more(count) {
      const parts = [bytes.data.subarray(bytes.at)];
      let length = unread(bytes);
      while (length < count && !bytes.ended) {
        const { done, value } = await source.next();
        if (done) bytes.ended = true;
        else {
          parts.push(value);
          length += value.length;
        }
      }
      const filled = parts.filter((part) => part.length > 0);
      bytes.data = filled.length === 1 && filled[0] ? filled[0] : Buffer.concat(filled);
      bytes.at = 0;
    },
    async close() {
      await source.return?.();
    },
  };
  return bytes;
}

export const unread = ({ data, at }: Bytes): number => data.length - at;

/** Whether the file has `count` more bytes; they are then in memory. */
export async function has(bytes: Bytes, count: number): Promise<boolean> {
  if (unread(bytes) < count) await bytes.more(count);
  return unread(bytes) >= count;
}

/** The next `count` bytes, valid until more are asked for; undefined if the file ends before. */
export async function take(bytes: Bytes, count: number): Promise<Uint8Array | undefined> {
  if (!(await has(bytes, count))) return undefined;
  bytes.at += count;
  return bytes.data.subarray(bytes.at - count, bytes.at);
}

/** Passes over `count` bytes; false if the file ends before. */
export async function skip(bytes: Bytes, count: number): Promise<boolean> {
  let left = count;
  while (left > unread(bytes)) {
    left -= unread(bytes);
    bytes.at = bytes.data.length;
    if (bytes.ended) return false;
    await bytes.more(1);
  }
  bytes.at += left;
  return true;
}
