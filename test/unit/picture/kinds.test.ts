import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { readPicture } from '../../../lambdas/upload/record-upload/picture/read-picture.ts';
import { header, signature, toPng } from './chunks.ts';
import { judge, photograph, pieces } from './siblings.ts';

const ascii = (text: string) => Buffer.from(text, 'latin1');
const ftyp = (brand: string) => ascii(`\0\0\0\x18ftyp${brand}\0\0\0\0mif1heic`);
const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#a87' } });

/** A TIFF whose directory stands at its end, as scanners write it. */
function tiffWithDirectoryAt(offset: number, version = 42): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.write('II', 0, 'latin1');
  bytes.writeUInt16LE(version, 2);
  bytes.writeUInt32LE(offset, 4);
  return bytes;
}

/** A PNG of which there is no more than its header. */
const pngOf = (width: number, height: number) => toPng([header(width, height)]);

describe('a file is refused', () => {
  test.each<[string, Buffer, string]>([
    ['empty, of zero bytes', Buffer.alloc(0), 'empty'],
    ['as too large a picture, at 64,250 × 64,250 pixels', pngOf(64_250, 64_250), 'too_many_pixels'],
    ['as unreadable, when its size is zero', pngOf(0, 20), 'unreadable'],
    ['as no photo, when it is a PDF', ascii('%PDF-1.7\n%âãÏÓ\n1 0 obj'), 'not_a_photo'],
    ['as no photo, when it is a ZIP', ascii('PK\x03\x04'), 'not_a_photo'],
    ['as no photo, when it is text', ascii('Dear grandmother'), 'not_a_photo'],
    ['as no photo, when it is one byte', ascii('G'), 'not_a_photo'],
    ['as no photo, when it is a GIF', ascii('GIF89a\x1e\0\x14\0'), 'not_a_photo'],
    ['as no photo, when it is a page', ascii('<html><body>An <svg width="9"></svg>'), 'not_a_photo'],
    ['as a drawing', ascii('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'), 'svg'],
    ['as a drawing behind a prolog', ascii('<?xml version="1.0"?>\n<svg width="9" height="9"/>'), 'svg'],
    ['as a drawing behind a comment', ascii('\xef\xbb\xbf <!-- Ink -->\n<svg\nwidth="9"/>'), 'svg'],
    ['as HEIC, even if its size is not in its head', ftyp('heic'), 'heic'],
    ['as HEIC, when its brand is the general one', ftyp('mif1'), 'heic'],
    ['as no photo, when it is a video', ftyp('isom'), 'not_a_photo'],
    ['as TIFF, even if its directory is at its end', tiffWithDirectoryAt(40_000_000), 'tiff'],
    ['as TIFF, when it is a BigTIFF', tiffWithDirectoryAt(8, 43), 'tiff'],
    ['as unreadable, when it is a PNG and nothing else', signature, 'unreadable'],
    ['as unreadable, when it is a JPEG and nothing else', ascii('\xff\xd8\xff'), 'unreadable'],
  ])('%s', async (_why, bytes, refusal) => {
    expect(await judge(bytes)).toBe(refusal);
    if (bytes.length > 0) expect(await judge(bytes, 1)).toBe(refusal);
  });

  test('as TIFF, when a scanner’s program wrote it', async () => {
    expect(await judge(await picture(40, 40).tiff().toBuffer())).toBe('tiff');
  });

  test('as no photo, when it is an AVIF', async () => {
    expect(await judge(await picture(64, 64).avif().toBuffer())).toBe('not_a_photo');
  });
});

describe('the size of a picture', () => {
  test.each(['jpeg', 'png', 'webp'] as const)('%s: 32 pixels are enough, 31 are not', async (format) => {
    const of = async (width: number, height: number) =>
      judge(await picture(width, height).toFormat(format).toBuffer());
    expect(await of(32, 40)).toBe(`32 × 40 image/${format}`);
    expect(await of(40, 31)).toBe('too_small');
    expect(await of(31, 4000)).toBe('too_small');
  });

  test.each(['jpeg', 'png', 'webp'] as const)('%s: is at most the limit', async (format) => {
    const bytes = await picture(50, 40).toFormat(format).toBuffer();
    const at = async (maxPixels: number) => Object.keys(await readPicture(pieces(bytes), { maxPixels }))[0];
    expect([await at(2000), await at(1999)]).toEqual(['photo', 'refusal']);
  });
});

test.each(['jpeg', 'png', 'webp'] as const)('a source that fails is no damaged %s', async (format) => {
  const bytes = await photograph().toFormat(format).toBuffer();
  async function* failing() {
    yield bytes.subarray(0, 1500);
    throw new Error('connection reset');
  }
  await expect(readPicture(failing(), { maxPixels: 1e8 })).rejects.toThrow('connection reset');
});
