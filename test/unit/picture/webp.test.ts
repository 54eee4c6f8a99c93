import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { type Chunk, exif, toWebp, webpChunks } from './chunks.ts';
import { height, judge, overwritten, photograph, width, zeros } from './siblings.ts';

const lossy = await photograph().webp().toBuffer();
const lossless = await photograph().webp({ lossless: true }).toBuffer();
const upright = `${width} × ${height} image/webp`;
const imageOf = (webp: Buffer): Chunk => webpChunks(webp).find(({ name }) => name.startsWith('VP8')) ?? none;
const none: Chunk = { name: '', bytes: Buffer.alloc(0) };

/** The chunk that says what else there is: flags, and the sides less one. */
function extended(flags: number): Chunk {
  const bytes = Buffer.alloc(10);
  bytes[0] = flags;
  bytes.writeUIntLE(width - 1, 4, 3);
  bytes.writeUIntLE(height - 1, 7, 3);
  return { name: 'VP8X', bytes };
}

describe('a WebP is taken', () => {
  test.each([0, 1, 2, 3, 4, 5, 6])('as every effort of an encoder makes it: %d', async (effort) => {
    for (const quality of [10, 95]) {
      for (const options of [{ quality }, { quality, lossless: true }, { quality, nearLossless: true }])
        expect(
          await judge(
            await photograph()
              .webp({ ...options, effort })
              .toBuffer(),
          ),
        ).toBe(upright);
    }
  });

  test.each([1, 2, 3, 5, 16, 17, 200])('with %d colours and no loss', async (colours) => {
    const few = await photograph()
      .png({ palette: true, colours: Math.max(colours, 2) })
      .toBuffer();
    const picture = colours === 1 ? photograph().threshold(255) : sharp(few);
    expect(await judge(await picture.webp({ lossless: true }).toBuffer())).toBe(upright);
  });

  test.each([
    [33, 47],
    [64, 64],
    [301, 32],
  ])('at %d × %d, of one colour', async (w, h) => {
    const flat = sharp({ create: { width: w, height: h, channels: 4, background: '#8a47' } });
    for (const lossless of [false, true])
      expect(await judge(await flat.clone().webp({ lossless }).toBuffer())).toBe(`${w} × ${h} image/webp`);
  });

  test('with metadata before and behind its image', async () => {
    const chunks = [
      extended(0),
      { name: 'ICCP', bytes: Buffer.alloc(31) },
      imageOf(lossy),
      { name: 'XMP ', bytes: Buffer.alloc(7) },
    ];
    expect(await judge(toWebp(chunks))).toBe(upright);
  });
});

describe('a WebP that lies on its side', () => {
  test.each([
    ['lossy', lossy],
    ['lossless', lossless],
  ])('says so behind its image: %s', async (_what, webp) => {
    const turned = (bytes: Buffer) => toWebp([extended(8), imageOf(webp), { name: 'EXIF', bytes }]);
    expect(await judge(turned(exif(6)))).toBe(`${height} × ${width} image/webp`);
    expect(await judge(turned(Buffer.concat([Buffer.from('Exif\0\0'), exif(8, 'II')])))).toBe(
      `${height} × ${width} image/webp`,
    );
    expect(await judge(turned(exif(3)))).toBe(upright);
  });
});

describe('a WebP is refused', () => {
  test('when it moves', async () => {
    expect(await judge(toWebp([extended(2), imageOf(lossy)]))).toBe('animated');
    const frames = await sharp([lossy, lossless], { join: { animated: true } })
      .webp()
      .toBuffer();
    expect(await judge(frames)).toBe('animated');
  });

  test.each<[string, () => Buffer]>([
    ['without an image', () => toWebp([extended(0)])],
    [
      'whose image breaks off, though its lengths were mended',
      () => {
        const { name, bytes } = imageOf(lossy);
        return toWebp([{ name, bytes: bytes.subarray(0, bytes.length * 0.8) }]);
      },
    ],
    [
      'whose lossless image breaks off, though its lengths were mended',
      () => {
        const { name, bytes } = imageOf(lossless);
        return toWebp([{ name, bytes: bytes.subarray(0, bytes.length * 0.8) }]);
      },
    ],
    [
      'whose image is longer than it should be',
      () => {
        const { name, bytes } = imageOf(lossy);
        return toWebp([{ name, bytes: Buffer.concat([bytes, Buffer.alloc(40, 7)]) }]);
      },
    ],
    [
      'of another frame than a key frame',
      () => {
        const bytes = Buffer.from(imageOf(lossy).bytes);
        bytes[0] = (bytes[0] ?? 0) | 1;
        return toWebp([{ name: 'VP8 ', bytes }]);
      },
    ],
    ['of zeros in its first partition', () => overwritten(lossy, 0.02, zeros, lossy.length * 0.9)],
    [
      'of another version',
      () => {
        const bytes = Buffer.from(imageOf(lossless).bytes);
        bytes[4] = (bytes[4] ?? 0) | 0x20;
        return toWebp([{ name: 'VP8L', bytes }]);
      },
    ],
  ])('%s', async (_how, make) => {
    expect(await judge(make())).toBe('damaged');
  });
});
