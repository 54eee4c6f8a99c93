/** Decodes `aws-chunked` bodies: sized chunks, then trailers. */
import { AwsError } from '../gateway/index.ts';
import { incompleteBody, malformedTrailer } from './errors.ts';

const longestLine = 16 * 1024;

const malformedChunk = () => new AwsError('InvalidChunkSizeError', 'The chunk header is not well-formed.');
/** `10000` or `10000;chunk-signature=…`. */
function chunkSize(line: string): number {
  const hex = /^([0-9a-fA-F]{1,8})(;.*)?$/.exec(line)?.[1];
  if (hex === undefined) throw malformedChunk();
  return Number.parseInt(hex, 16);
}

/** Reads lines and counted bytes from a source, holding one of its chunks and one line. */
function createReader(source: AsyncIterable<Buffer>) {
  const iterator = source[Symbol.asyncIterator]();
  let pending: Buffer = Buffer.alloc(0);

  async function more() {
    const next = await iterator.next();
    if (next.done) throw incompleteBody();
    pending = pending.length === 0 ? next.value : Buffer.concat([pending, next.value]);
  }
  return {
    async line(): Promise<string> {
      let end = pending.indexOf('\r\n');
      for (; end < 0; end = pending.indexOf('\r\n')) {
        if (pending.length > longestLine) throw malformedChunk();
        await more();
      }
      const text = pending.toString('latin1', 0, end);
      pending = pending.subarray(end + 2);
      return text;
    },
    async *bytes(count: number): AsyncGenerator<Buffer> {
      for (let left = count; left > 0; ) {
        if (pending.length === 0) await more();
        const piece = pending.subarray(0, left);
        pending = pending.subarray(piece.length);
        left -= piece.length;
        yield piece;
      }
    },
    close: () => iterator.return?.(),
  };
}

/**
 * The bytes within an `aws-chunked` body.
 * @param trailers filled, by lower-case name, once the last byte has passed
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = createReader(source);
  try {
    for (let size = chunkSize(await reader.line()); size > 0; size = chunkSize(await reader.line())) {
      yield* reader.bytes(size);
      if ((await reader.line()) !== '') throw malformedChunk();
    }
    for (let line = await reader.line(); line !== ''; line = await reader.line()) {
      const colon = line.indexOf(':');
      if (colon < 1) throw malformedTrailer();
      trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
  } finally {
    await reader.close();
  }
}
