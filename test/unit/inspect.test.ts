import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { inspect } from '../../lambdas/upload/record-upload/inspect.ts';

const maxPixels = 100_000_000;
const look = (bytes: Uint8Array, whole = true) => inspect(bytes, whole, maxPixels);
const picture = (width = 30, height = 20) =>
  sharp({ create: { width, height, channels: 3, background: '#a87' } });
const ascii = (text: string) => Buffer.from(text, 'latin1');

/** A JPEG segment of that many bytes after its marker. */
function segment(marker: number, length: number): Buffer {
  const bytes = Buffer.alloc(length + 2);
  bytes.writeUInt16BE(0xff00 | marker, 0);
  bytes.writeUInt16BE(length, 2);
  return bytes;
}

/** The beginning of a PNG that declares that size. */
function pngOf(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(33);
  ascii('\x89PNG\r\n\x1a\n').copy(bytes);
  bytes.writeUInt32BE(13, 8);
  bytes.write('IHDR', 12, 'latin1');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

/** A TIFF whose directory stands at its end, as scanners write it. */
function tiffWithDirectoryAt(offset: number, version = 42): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.write('II', 0, 'latin1');
  bytes.writeUInt16LE(version, 2);
  bytes.writeUInt32LE(offset, 4);
  return bytes;
}

const ftyp = (brand: string) => ascii(`\0\0\0\x18ftyp${brand}\0\0\0\0mif1heic`);

describe('a photo', () => {
  test.each([
    ['JPEG', 'image/jpeg', () => picture().jpeg()],
    ['PNG', 'image/png', () => picture().png()],
    ['WebP', 'image/webp', () => picture().webp()],
    ['lossless WebP', 'image/webp', () => picture().webp({ lossless: true })],
  ])('of type %s is taken with its size', async (_name, type, make) => {
    expect(look(await make().toBuffer())).toEqual({ photo: { type, width: 30, height: 20 } });
  });

  test.each([
    [1, 30, 20],
    [3, 30, 20],
    [6, 20, 30],
    [8, 20, 30],
  ])('with EXIF orientation %d is as wide as it is seen', async (orientation, width, height) => {
    const bytes = await picture().withMetadata({ orientation }).jpeg().toBuffer();
    expect(look(bytes)).toEqual({ photo: { type: 'image/jpeg', width, height } });
  });

  test('is told by its bytes, before the whole of it is read', async () => {
    const bytes = await picture(3000, 2000).png().toBuffer();
    expect(look(bytes.subarray(0, 64), false)).toMatchObject({ photo: { width: 3000, height: 2000 } });
  });

  test('whose size stands behind long metadata is asked for more bytes, and then taken', async () => {
    const jpeg = await picture().jpeg().toBuffer();
    const long = Buffer.concat([
      jpeg.subarray(0, 2),
      segment(0xe2, 65_535),
      segment(0xe2, 65_535),
      jpeg.subarray(2),
    ]);
    expect(look(long.subarray(0, 65_536), false)).toEqual({ more: true });
    expect(look(long)).toMatchObject({ photo: { width: 30, height: 20 } });
  });

  test('may have as many pixels as the limit and not one more', () => {
    expect(inspect(pngOf(100, 100), false, 10_000)).toMatchObject({ photo: { width: 100 } });
    expect(inspect(pngOf(100, 101), false, 10_000)).toEqual({ refusal: 'too_many_pixels' });
  });
});

describe('a file is refused', () => {
  test.each<[string, Buffer, string]>([
    ['empty, of zero bytes', Buffer.alloc(0), 'empty'],
    ['as too large a picture, at 64,250 × 64,250 pixels', pngOf(64_250, 64_250), 'too_many_pixels'],
    ['as damaged, when its size is zero', pngOf(0, 20), 'unreadable'],
    ['as no photo, when it is a PDF', ascii('%PDF-1.7\n%âãÏÓ\n1 0 obj'), 'not_a_photo'],
    ['as no photo, when it is a ZIP', ascii('PK\x03\x04'), 'not_a_photo'],
    ['as no photo, when it is text', ascii('Dear grandmother'), 'not_a_photo'],
    ['as no photo, when it is one byte', ascii('G'), 'not_a_photo'],
    ['as no photo, when it is a GIF', ascii('GIF89a\x1e\0\x14\0'), 'not_a_photo'],
    ['as a drawing', ascii('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'), 'svg'],
    ['as a drawing behind a prolog', ascii('<?xml version="1.0"?>\n<svg width="9" height="9"/>'), 'svg'],
    ['as HEIC, even if its size is not in its head', ftyp('heic'), 'heic'],
    ['as HEIC, when its brand is the general one', ftyp('mif1'), 'heic'],
    ['as TIFF, even if its directory is at its end', tiffWithDirectoryAt(40_000_000), 'tiff'],
    ['as TIFF, when it is a BigTIFF', tiffWithDirectoryAt(8, 43), 'tiff'],
    ['as damaged, when it is a PNG cut off in its head', pngOf(30, 20).subarray(0, 18), 'unreadable'],
    ['as damaged, when it is a JPEG and nothing else', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'unreadable'],
  ])('%s', (_why, bytes, refusal) => {
    expect(look(bytes)).toEqual({ refusal });
  });

  test('as TIFF, when a scanner’s program wrote it', async () => {
    expect(look(await picture().tiff().toBuffer())).toEqual({ refusal: 'tiff' });
  });

  test('as damaged, when it is a JPEG cut off before its size', async () => {
    const bytes = await picture().jpeg().toBuffer();
    expect(look(bytes.subarray(0, 40))).toEqual({ refusal: 'unreadable' });
  });
});
