/**
 * Reads a WebP whole (RFC 9649): its chunks, which must all be there, and what can be told of its
 * image data.
 */
import { type Bytes, has, skip, take } from './bytes.ts';
import { orientationOf } from './exif.ts';
import { checkSize, type Limits } from './limits.ts';
import { damaged, RefusedPicture } from './refused.ts';
import { walkLossy } from './vp8.ts';
import { walkLossless } from './vp8l.ts';

type Size = { width: number; height: number };

/**
 * A key frame's header (RFC 6386, 9.1): its tag, three bytes of start code, and 14 bits for each
 * side.
 */
function lossySize(head: Uint8Array, length: number): Size {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const tag = view.getUint16(0, true) | (view.getUint8(2) << 16);
  const isKeyFrame = (tag & 0x11) === 0x10 && view.getUint16(3) === 0x9d01 && view.getUint8(5) === 0x2a;
  if (!isKeyFrame || (tag >> 5) + 10 > length) throw damaged('no key frame that is shown');
  return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff };
}

/** A signature, then 14 bits for each side, less one (RFC 9649, 3.4). */
function losslessSize(head: Uint8Array): Size {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const sides = view.getUint32(1, true);
  if (view.getUint8(0) !== 0x2f || sides >>> 29 !== 0) throw damaged('no lossless image');
  return { width: (sides & 0x3fff) + 1, height: ((sides >>> 14) & 0x3fff) + 1 };
}

/**
 * An image's bytes, all at once since its parts are read side by side, and as many zeros behind
 * them.
 */
async function takeImage(input: Bytes, length: number, behind: number): Promise<Uint8Array> {
  const bytes = await take(input, length);
  if (!bytes) throw damaged('image data that break off');
  if (behind === 0) return bytes;
  const padded = new Uint8Array(length + behind);
  padded.set(bytes);
  return padded;
}

const animation = 0x02;

type Picture = Size & { orientation: number | undefined };

/** @param found what the chunks before have said */
async function readChunk(
  input: Bytes,
  chunk: { name: string; length: number },
  found: Partial<Picture>,
  limits: Limits,
): Promise<Partial<Picture>> {
  const { name, length } = chunk;
  const isImage = name === 'VP8 ' || name === 'VP8L';
  if (isImage && found.width === undefined) {
    if (length < 10 || !(await has(input, 10))) throw damaged('an image without its header');
    const head = input.data.subarray(input.at, input.at + 10);
    const size = name === 'VP8 ' ? lossySize(head, length) : losslessSize(head);
    checkSize(size, limits);
    if (name === 'VP8 ') walkLossy(await takeImage(input, length, 0), size);
    else walkLossless((await takeImage(input, length, 8)).subarray(5), size);
    return size;
  }
  if (name === 'VP8X' || name === 'EXIF') {
    const bytes = length <= 65_536 ? await take(input, length) : undefined;
    if (bytes && name === 'EXIF') return { orientation: orientationOf(bytes) };
    if (((bytes?.[0] ?? 0) & animation) > 0) throw new RefusedPicture('animated', 'an animation');
    if (bytes) return {};
  }
  if (!(await skip(input, length))) throw damaged('a chunk that breaks off');
  return {};
}

/** A still picture has ten kinds of them. */
const mostChunks = 1000;

/**
 * @param input from its `RIFF` on; read as far as that says, what lies behind does not matter
 * @throws RefusedPicture
 */
export async function readWebp(input: Bytes, limits: Limits): Promise<Picture> {
  const head = await take(input, 12);
  let left = head ? Buffer.from(head).readUInt32LE(4) - 4 : 0;
  let found: Partial<Picture> = {};
  for (let chunks = 0; left >= 8; chunks++) {
    if (chunks === mostChunks) throw damaged('chunks without number');
    const bytes = await take(input, 8);
    if (!bytes) throw damaged('chunks that are missing');
    const length = Buffer.from(bytes).readUInt32LE(4);
    const chunk = { name: Buffer.from(bytes).toString('latin1', 0, 4), length };
    left -= 8 + length + (length & 1);
    found = { ...found, ...(await readChunk(input, chunk, found, limits)) };
    // The last byte may be missing where it only fills up.
    if (length & 1) await skip(input, 1);
  }
  const { width, height, orientation } = found;
  if (width === undefined || height === undefined) throw damaged('no image');
  return { width, height, orientation };
}
