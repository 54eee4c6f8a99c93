/**
 * Reads a PNG whole (PNG 3rd edition): its chunks, and that what they inflate to is every row of
 * the picture.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflate } from 'node:zlib';
import { z } from 'zod';
import { type Bytes, has, skip, take, unread } from './bytes.ts';
import { orientationOf } from './exif.ts';
import { checkSize, type Limits } from './limits.ts';
import { countRows, type Header, readHeader } from './png-rows.ts';
import { damaged, RefusedPicture } from './refused.ts';

type Chunk = { name: string; length: number };

/** 50 MB in chunks of 512 bytes; encoders make them of 8 kB or more. */
const mostChunks = 100_000;

/**
 * Reads a chunk's length and name, whose bytes are then next; undefined where the file ends or is
 * no longer a PNG.
 */
type NextChunk = () => Promise<Chunk | undefined>;

function chunksOf(input: Bytes): NextChunk {
  let count = 0;
  return async () => {
    if (unread(input) < 8) await input.more(8);
    if (unread(input) < 8) return undefined;
    const head = Buffer.from(input.data.buffer, input.data.byteOffset + input.at, 8);
    const chunk = { length: head.readUInt32BE(0), name: head.toString('latin1', 4) };
    if (chunk.length > 0x7fff_ffff || !/^[A-Za-z]{4}$/.test(chunk.name)) return undefined;
    if (++count > mostChunks) throw damaged('chunks without number');
    input.at += 8;
    return chunk;
  };
}

/** Of the header and the image data; the check sums of the rest may be as they like. */
async function checkSum(input: Bytes, sum: number): Promise<void> {
  const stored = await take(input, 4);
  if (!stored || Buffer.from(stored).readUInt32BE(0) !== sum) throw damaged('a chunk that is not as it was');
}

/**
 * So many bytes are inflated at once, however small their chunks are: 4 million chunks of a byte
 * would be as many calls of zlib.
 */
const portion = 65_536;

/** The compressed bytes of the IDAT chunks, of which the first has been begun. */
async function* imageData(
  input: Bytes,
  first: Chunk,
  next: NextChunk,
  behind: (chunk: Chunk | undefined) => void,
) {
  let parts: Uint8Array[] = [];
  let gathered = 0;
  let chunk: Chunk | undefined = first;
  for (; chunk?.name === 'IDAT'; chunk = await next()) {
    let sum = crc32(chunk.name);
    for (let left = chunk.length; left > 0; ) {
      if (unread(input) === 0 && !(await has(input, 1))) throw damaged('image data that break off');
      const part = input.data.subarray(input.at, input.at + Math.min(left, portion));
      input.at += part.length;
      left -= part.length;
      sum = crc32(part, sum);
      parts.push(part);
      gathered += part.length;
      if (gathered < portion) continue;
      yield Buffer.concat(parts);
      parts = [];
      gathered = 0;
    }
    await checkSum(input, sum);
  }
  behind(chunk);
  if (gathered > 0) yield Buffer.concat(parts);
}

/** What zlib says of bytes that are none of its own. */
const zlibError = z.object({ code: z.string().startsWith('Z_'), message: z.string() });

/** Inflates the image data and counts the rows; answers the chunk behind them. */
async function readRows(
  input: Bytes,
  header: Header,
  first: Chunk,
  next: NextChunk,
): Promise<Chunk | undefined> {
  const rows = countRows(header);
  let behind: Chunk | undefined;
  const data = imageData(input, first, next, (chunk) => {
    behind = chunk;
  });
  // What ends the reading is told as an abort, whatever it was.
  let refused: unknown;
  try {
    await pipeline(Readable.from(data), createInflate({ chunkSize: portion }), async (inflated) => {
      try {
        for await (const part of inflated) rows.take(part);
      } catch (error) {
        refused = error;
        throw error;
      }
    });
  } catch (error) {
    if (refused instanceof RefusedPicture) throw refused;
    const ofZlib = zlibError.safeParse(error);
    throw ofZlib.success ? damaged(ofZlib.data.message) : error;
  }
  if (!rows.complete()) throw damaged('rows that are not there');
  return behind;
}

/** EXIF is small; what is longer is passed over. */
const longestExif = 65_536;

/**
 * @param input from its signature on; read to its last chunk, which may be missing, and no further
 * @throws RefusedPicture
 */
export async function readPng(input: Bytes, limits: Limits) {
  await skip(input, 8);
  const next = chunksOf(input);
  const first = await next();
  if (first?.name !== 'IHDR') throw new RefusedPicture('unreadable', 'no header');
  const start = await take(input, first.length === 13 ? 13 : 0);
  if (!start) throw damaged('a header that breaks off');
  const header = readHeader(start);
  checkSize(header, limits);
  await checkSum(input, crc32(start, crc32('IHDR')));
  let orientation: number | undefined;
  let hasPalette = false;
  let hasRows = false;
  for (let chunk = await next(); chunk && chunk.name !== 'IEND'; ) {
    if (chunk.name === 'IDAT' && !hasRows) {
      if (header.colour === 3 && !hasPalette) throw damaged('no palette');
      chunk = await readRows(input, header, chunk, next);
      hasRows = true;
      continue;
    }
    hasPalette ||= chunk.name === 'PLTE';
    const isExif = chunk.name === 'eXIf' && chunk.length <= longestExif && (await has(input, chunk.length));
    if (isExif) orientation ??= orientationOf(input.data.subarray(input.at, input.at + chunk.length));
    if (!(await skip(input, chunk.length + 4))) break;
    chunk = await next();
  }
  if (!hasRows) throw damaged('no image data');
  return { ...header, orientation };
}
