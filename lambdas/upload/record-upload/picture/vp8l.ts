/**
 * Walks through a lossless image of WebP (RFC 9649, 3), keeping no pixel: each symbol must exist,
 * and the last be the last pixel's.
 */
import { damaged } from './refused.ts';
import { type Bits, type Budget, type Code, createBudget, read, readCode, symbolOf } from './vp8l-codes.ts';

type Size = { width: number; height: number };

/** Codes of green with lengths and cache, red, blue, alpha, distance. */
type Group = [Code, Code, Code, Code, Code];

type Walk = { bits: Bits; budget: Budget };

/**
 * Which group a pixel is coded in: by its place, in blocks of 2^`shift`; the same for all without
 * `map`.
 */
type Groups = { groups: Group[]; shift: number; map: Uint32Array | undefined; columns: number };

/**
 * The nearest pixels around, by distance code: 8 less their column, and 16 times their row
 * (3.6.2.2).
 */
const near = Buffer.from(
  'GAcXGSgGJykWGiYqOAU3ORUbNjolK0gER0kUHDU7RkokLFhFSzQ8A1dZEx1WWiMtRExVWzM9aAJnaRIeZmoiLlRcQ0' +
    '1lazI+eAF3eVNdER9kbEJOdnohL3V7MT9jbVJeAHR8QU8QIGJuMHN9UV9Acn5hb1Bxf2Bw',
  'base64',
);

/** A length or distance: a prefix symbol and the bits that it takes along (3.6.2.2). */
function extended(bits: Bits, symbol: number): number {
  if (symbol < 4) return symbol + 1;
  const count = (symbol - 2) >> 1;
  return ((2 + (symbol & 1)) << count) + read(bits, count) + 1;
}

function distanceOf(bits: Bits, symbol: number, width: number): number {
  const code = extended(bits, symbol);
  if (code > near.length) return code - near.length;
  const place = near[code - 1] ?? 0;
  return Math.max((place >> 4) * width + 8 - (place & 15), 1);
}

const sizeAt = ({ width, height }: Size, shift: number): Size => ({
  width: Math.ceil(width / 2 ** shift),
  height: Math.ceil(height / 2 ** shift),
});

/** Keeps the pixels of a small image whose values matter, and the colours it has seen (3.6.2.3). */
function keeper(size: Size, cacheBits: number) {
  const pixels = new Uint32Array(size.width * size.height);
  const cache = new Uint32Array(1 << cacheBits);
  const keep = (at: number, colour: number) => {
    pixels[at] = colour;
    cache[cacheBits === 0 ? 0 : Math.imul(0x1e35a7bd, colour) >>> (32 - cacheBits)] = colour;
  };
  return {
    pixels,
    literal: (at: number, green: number, red: number, blue: number, alpha: number) =>
      keep(at, ((alpha << 24) | (red << 16) | (green << 8) | blue) >>> 0),
    cached: (at: number, index: number) => keep(at, cache[index] ?? 0),
    copied(at: number, length: number, distance: number) {
      for (let n = at; n < at + length; n++) keep(n, pixels[n - distance] ?? 0);
    },
  };
}

/**
 * Passes over every pixel of an image.
 * @param kept what keeps them, for an image whose values matter
 */
function passPixels(
  { bits }: Walk,
  { width, height }: Size,
  { groups, shift, map, columns }: Groups,
  cacheSize: number,
  kept?: ReturnType<typeof keeper>,
): void {
  const mask = map ? (1 << shift) - 1 : -1;
  let group = groups[0];
  let column = 0;
  let row = 0;
  for (let at = 0; at < width * height; ) {
    if (map && (column & mask) === 0) group = groups[map[(row >> shift) * columns + (column >> shift)] ?? 0];
    if (!group || bits.at > bits.end) throw damaged('image data that end before the image');
    const symbol = symbolOf(bits, group[0]);
    let length = 1;
    if (symbol < 256) {
      const red = symbolOf(bits, group[1]);
      const blue = symbolOf(bits, group[2]);
      const alpha = symbolOf(bits, group[3]);
      kept?.literal(at, symbol, red, blue, alpha);
    } else if (symbol < 280) {
      length = extended(bits, symbol - 256);
      const distance = distanceOf(bits, symbolOf(bits, group[4]), width);
      if (distance > at || at + length > width * height) throw damaged('a copy of what there is not');
      kept?.copied(at, length, distance);
    } else if (symbol - 280 < cacheSize) kept?.cached(at, symbol - 280);
    else throw damaged('a colour that is not kept');
    at += length;
    column += length;
    if (column >= width) {
      row += Math.floor(column / width);
      column %= width;
    }
    if (map && length > 1 && (column & mask) !== 0)
      group = groups[map[(row >> shift) * columns + (column >> shift)] ?? 0];
  }
  if (bits.at > bits.end) throw damaged('image data that end before the image');
}

function readGroup({ bits, budget }: Walk, cacheSize: number): Group {
  return [
    readCode(bits, 280 + cacheSize, budget),
    readCode(bits, 256, budget),
    readCode(bits, 256, budget),
    readCode(bits, 256, budget),
    readCode(bits, 40, budget),
  ];
}

function readCacheBits(bits: Bits): number {
  if (!read(bits, 1)) return 0;
  const count = read(bits, 4);
  if (count < 1 || count > 11) throw damaged('a cache of a size that there is not');
  return count;
}

/** An image inside the image; its pixels, if they matter. */
function passInner(walk: Walk, size: Size, matters: boolean): Uint32Array | undefined {
  const cacheBits = readCacheBits(walk.bits);
  const cacheSize = cacheBits === 0 ? 0 : 1 << cacheBits;
  const kept = matters ? keeper(size, cacheBits) : undefined;
  const groups = [readGroup(walk, cacheSize)];
  passPixels(walk, size, { groups, shift: 0, map: undefined, columns: 0 }, cacheSize, kept);
  return kept?.pixels;
}

/**
 * The transforms (3.5).
 * @returns the size of the image as it is coded: several pixels of few colours are one
 */
function passTransforms(walk: Walk, { width, height }: Size): Size {
  const { bits } = walk;
  const seen = new Set<number>();
  let size = { width, height };
  while (read(bits, 1)) {
    const type = read(bits, 2);
    if (seen.has(type)) throw damaged('a transform twice');
    seen.add(type);
    if (type === 2) continue;
    if (type === 3) {
      const colours = read(bits, 8) + 1;
      passInner(walk, { width: colours, height: 1 }, false);
      size = { height, width: sizeAt(size, colours > 16 ? 0 : colours > 4 ? 1 : colours > 2 ? 2 : 3).width };
    } else passInner(walk, sizeAt(size, 2 + read(bits, 3)), false);
  }
  return size;
}

function readGroups(walk: Walk, size: Size, cacheSize: number): Groups {
  const { bits } = walk;
  if (!read(bits, 1)) return { groups: [readGroup(walk, cacheSize)], shift: 0, map: undefined, columns: 0 };
  const shift = 2 + read(bits, 3);
  const blocks = sizeAt(size, shift);
  const map = (passInner(walk, blocks, true) ?? new Uint32Array()).map((colour) => (colour >>> 8) & 0xffff);
  const count = map.reduce((most, group) => Math.max(most, group), 0) + 1;
  const groups = Array.from({ length: count }, () => readGroup(walk, cacheSize));
  return { groups, shift, map, columns: blocks.width };
}

/** Bytes that fill up; libwebp leaves none. */
const mostBehind = 2;

/**
 * @param padded an image, from behind its signature, sides and version, with eight bytes behind it
 * @throws RefusedPicture `damaged`
 */
export function walkLossless(padded: Uint8Array, size: Size): void {
  const view = new DataView(padded.buffer, padded.byteOffset, padded.byteLength);
  const end = 8 * (padded.length - 8);
  const walk: Walk = { bits: { view, at: 0, end }, budget: createBudget() };
  const coded = passTransforms(walk, size);
  const cacheBits = readCacheBits(walk.bits);
  const cacheSize = cacheBits === 0 ? 0 : 1 << cacheBits;
  passPixels(walk, coded, readGroups(walk, coded, cacheSize), cacheSize);
  if (end - walk.bits.at > 8 * mostBehind) throw damaged('image data behind the image');
}
