import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import {
  cut,
  height,
  jpegs,
  judge,
  junk,
  kinds,
  overwritten,
  pngs,
  webps,
  width,
  zeros,
} from './siblings.ts';

const shares = [0.3, 0.6, 0.9];
const ones = () => 0xff;

describe.each(kinds.map((kind) => [kind.name, kind] as const))('a %s', (_name, { type, make }) => {
  const sound = `${width} × ${height} ${type}`;

  test('is taken, as by a decoder', async () => {
    const bytes = await make();
    await sharp(bytes, { failOn: 'warning' }).raw().toBuffer();
    expect(await judge(bytes)).toBe(sound);
  });

  test.each([1, 7, 1000])('is taken in pieces of %d bytes', async (size) => {
    expect(await judge(await make(), size)).toBe(sound);
  });

  test.each([
    ['junk', junk(3)],
    ['zeros', zeros],
    ['FF', ones],
  ])('is taken with %s behind it', async (_what, by) => {
    const tail = Buffer.from(Array.from({ length: 5000 }, by));
    expect(await judge(Buffer.concat([await make(), tail]))).toBe(sound);
  });

  test.each(shares)('cut off at %d is damaged', async (share) => {
    expect(await judge(cut(await make(), share))).toBe('damaged');
  });

  test.each(shares)('of zeros from %d on is damaged', async (share) => {
    expect(await judge(overwritten(await make(), share, zeros))).toBe('damaged');
  });

  test.each(shares)('of FF from %d on is damaged', async (share) => {
    expect(await judge(overwritten(await make(), share, ones))).toBe('damaged');
  });
});

/** Of the JPEGs and PNGs every single byte is followed; of a WebP, only how many there are. */
describe.each([...jpegs, ...pngs].map((kind) => [kind.name, kind] as const))('a %s', (_name, { make }) => {
  test.each([1, 2, 3])('of junk from the middle on is damaged (%d)', async (seed) => {
    expect(await judge(overwritten(await make(), 0.6, junk(seed)))).toBe('damaged');
  });

  test('with a hole of zeros in it is damaged', async () => {
    const bytes = await make();
    expect(await judge(overwritten(bytes, 0.5, zeros, Math.floor(bytes.length * 0.3)))).toBe('damaged');
  });

  test('of zeros whose last two bytes are right is damaged', async () => {
    expect(await judge(overwritten(await make(), 0.6, zeros, 2))).toBe('damaged');
  });
});

describe.each(webps.map((kind) => [kind.name, kind] as const))('a %s', (_name, { make }) => {
  test('of junk from its first third on is damaged', async () => {
    expect(await judge(overwritten(await make(), 0.3, junk(2)))).toBe('damaged');
  });
});

/**
 * Where the picture ends: behind a JPEG's EOI and a WebP's RIFF; a PNG's last chunk may be missing.
 */
const behindPicture: Record<string, number> = { 'image/jpeg': 0, 'image/webp': 0, 'image/png': 12 };

describe('wherever it is cut off', () => {
  test.each(kinds.map((kind) => [kind.name, kind] as const))('a %s is refused', async (_name, kind) => {
    const bytes = await kind.make();
    const end = bytes.length - (behindPicture[kind.type] ?? 0);
    const step = Math.ceil(end / 100);
    const taken: number[] = [];
    for (let at = 1; at < end; at += at > end - 40 ? 1 : step) {
      if ((await judge(bytes.subarray(0, at))).includes('×')) taken.push(at);
    }
    expect(taken).toEqual([]);
  });
});
