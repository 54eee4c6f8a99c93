/**
 * Reads a JPEG whole, without decoding a pixel: its segments as tolerantly as every reader of
 * pictures does, its scans to the last MCU (ITU T.81). Linear in the file's length, and bounded in
 * what its scans may cost.
 */
import { type Bytes, skip, take, unread } from './bytes.ts';
import { type Bits, createBits } from './entropy.ts';
import { orientationOf } from './exif.ts';
import type { HuffmanCode } from './huffman.ts';
import { type Frame, isFrame, readFrame, readScan } from './jpeg-frame.ts';
import { type Codes, walkScan } from './jpeg-scan.ts';
import { checkSize, type Limits } from './limits.ts';
import { damaged, RefusedPicture } from './refused.ts';

/** 50 MB of metadata are 800 segments, and a progressive picture has a few dozen more. */
const mostSegments = 10_000;

/**
 * A bomb of scans asks for every block of the picture again with each few bytes. Encoders make ten
 * scans, the finest scripts a few hundred of one component and one bit each.
 */
const mostVisits = 100;

/**
 * How often each coefficient may be asked for. A progressive picture tells of each at most 14
 * times, once for its first bits and once for each of 13 more; a bomb of refinements says nothing,
 * again and again, in a bit a block.
 */
const mostPasses = 16;

type Walk = {
  input: Bytes;
  limits: Limits;
  bits: Bits;
  frame: Frame | undefined;
  codes: Codes;
  interval: number;
  orientation: number | undefined;
  /** Blocks that scans have asked for. */
  visits: number;
  /** Coefficients of them. */
  steps: number;
};

const endOfImage = 0xd9;
const startOfScan = 0xda;

/** Markers without a segment: TEM, RST0 to RST7. */
const standsAlone = (marker: number) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);

/** The next marker, behind whatever fill bytes and stray bytes; 0 if there is none. */
async function nextMarker(input: Bytes): Promise<number> {
  for (;;) {
    const found = input.data.indexOf(0xff, input.at);
    input.at = found === -1 ? input.data.length : found;
    while (input.data[input.at + 1] === 0xff) input.at++;
    if (unread(input) < 2) {
      await input.more(2);
      if (unread(input) < 2) return 0;
      continue;
    }
    const marker = input.data[input.at + 1] ?? 0;
    input.at += 2;
    if (marker !== 0) return marker;
  }
}

async function segmentLength(input: Bytes): Promise<number> {
  const [high = 0, low = 0] = (await take(input, 2)) ?? [];
  const length = (high << 8) | low;
  if (length < 2) throw damaged('a segment that ends before it begins');
  return length - 2;
}

/** Huffman codes, one after the other (B.2.4.2). */
function readCodes(segment: Uint8Array, codes: Codes): void {
  for (let at = 0; at < segment.length; ) {
    const which = segment[at] ?? 0;
    const counts = segment.slice(at + 1, at + 17);
    const symbols = segment.slice(at + 17, at + 17 + counts.reduce((sum, count) => sum + count, 0));
    const code: HuffmanCode = { counts, symbols };
    if (which >> 4 > 1 || (which & 15) > 3) throw damaged('Huffman codes of a number that there is not');
    (which >> 4 === 0 ? codes.dc : codes.ac)[which & 15] = code;
    at += 17 + symbols.length;
    if (at > segment.length || counts.length < 16) throw damaged('Huffman codes that break off');
  }
}

/** Walks one scan; answers the marker behind it. */
async function scan(walk: Walk, segment: Uint8Array): Promise<number> {
  const { input, bits, frame, codes, interval } = walk;
  if (!frame) throw damaged('a scan before the frame');
  const header = readScan(frame, segment);
  const blocks = header.components.reduce((sum, { component }) => sum + component.blocks, 0);
  walk.visits += blocks;
  walk.steps += blocks * (header.to - header.from + 1);
  if (walk.visits > mostVisits * frame.blocks || walk.steps > mostPasses * 64 * frame.blocks)
    throw new RefusedPicture('rare_jpeg', 'too many scans');
  return walkScan(input, bits, frame, header, codes, interval);
}

/** What a segment says; answers the marker that stood behind it, if that was read on the way. */
async function readSegment(walk: Walk, marker: number): Promise<number | undefined> {
  const length = await segmentLength(walk.input);
  const isRead = isFrame(marker) || [0xc4, startOfScan, 0xdd, 0xe1].includes(marker);
  if (!isRead) {
    if (!(await skip(walk.input, length))) throw damaged('a segment that breaks off');
    return undefined;
  }
  const segment = await take(walk.input, length);
  if (!segment) throw damaged('a segment that breaks off');
  if (marker === startOfScan) return scan(walk, segment);
  if (marker === 0xc4) readCodes(segment, walk.codes);
  else if (marker === 0xdd) walk.interval = ((segment[0] ?? 0) << 8) | (segment[1] ?? 0);
  else if (marker === 0xe1) walk.orientation ??= exifOf(segment);
  else {
    if (walk.frame) throw damaged('a second frame');
    walk.frame = readFrame(marker, segment);
    checkSize(walk.frame, walk.limits);
  }
  return undefined;
}

/** An APP1 segment holds EXIF or XMP. */
const exifOf = (segment: Uint8Array) =>
  Buffer.from(segment.subarray(0, 6)).toString('latin1') === 'Exif\0\0' ? orientationOf(segment) : undefined;

/**
 * @param input from its `FF D8` on; read as far as the end of its first picture, what lies behind
 * does not matter
 * @throws RefusedPicture
 */
export async function readJpeg(input: Bytes, limits: Limits) {
  const walk: Walk = {
    input,
    limits,
    bits: createBits(),
    frame: undefined,
    codes: { dc: [], ac: [] },
    interval: 0,
    orientation: undefined,
    visits: 0,
    steps: 0,
  };
  await skip(input, 2);
  let found: number | undefined;
  for (let segments = 0; segments < mostSegments; segments++) {
    const marker = found ?? (await nextMarker(input));
    found = undefined;
    if (marker === 0) break;
    if (marker === endOfImage) {
      if (!walk.frame?.components.every(({ seen }) => seen)) break;
      return { ...walk.frame, orientation: walk.orientation };
    }
    if (marker === 0xd8) throw damaged('a picture within the picture');
    if (!standsAlone(marker)) found = await readSegment(walk, marker);
  }
  if (!walk.frame) throw new RefusedPicture('unreadable', 'no frame');
  throw damaged('no end');
}
