/**
 * Files made to cost: how much of each is asked for, and that none is asked for twice. No time is
 * measured.
 */
import { describe, expect, test } from '@jest/globals';
import { readPicture } from '../../../lambdas/upload/record-upload/picture/read-picture.ts';
import { header, pngChunk, signature, toWebp } from './chunks.ts';
import { segment } from './jpeg-encoder.ts';
import { photograph } from './siblings.ts';

const portion = 16_384;

/**
 * A beginning, then the same bytes again and again, up to 50 MB; `asked` says how many were asked
 * for.
 */
function endless(beginning: Buffer, repeated: Buffer, length = 50_000_000) {
  const times = Math.ceil(portion / repeated.length);
  const part = Buffer.concat(Array<Buffer>(times).fill(repeated));
  const file = { asked: 0, ended: false, chunks };
  async function* chunks() {
    try {
      for (file.asked = beginning.length, yield beginning; file.asked < length; yield part)
        file.asked += part.length;
    } finally {
      file.ended = true;
    }
  }
  return file;
}

async function cost(file: ReturnType<typeof endless>) {
  const found = await readPicture(file.chunks(), { maxPixels: 100_000_000 });
  expect(file.ended).toBe(true);
  return { refusal: 'refusal' in found ? found.refusal : undefined, asked: file.asked };
}

const start = Buffer.from([0xff, 0xd8]);
const frame = (marker: number, side: number) =>
  segment(marker, [8, side >> 8, side & 255, side >> 8, side & 255, 1], [1, 0x11, 0]);
/** Codes of one bit and of two. */
const codes = (which: number, one: number, two: number) =>
  segment(0xc4, which, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [one, two]);
const scan = (from: number, to: number, bits: number) => segment(0xda, [1, 1, 0, from, to, bits]);

describe('a JPEG', () => {
  test('whose tables never end is read once, and refused', async () => {
    const poison = Buffer.from([0xff, 0xd8, 0xff, 0xdb, 0, 0x43]);
    const { refusal, asked } = await cost(endless(poison, Buffer.alloc(portion)));
    expect([refusal, asked < 50_000_000 + portion]).toEqual(['unreadable', true]);
  });

  test.each([
    ['markers', Buffer.from([0xff, 0x01])],
    ['comments', segment(0xfe)],
    ['Huffman codes', codes(0, 0, 1)],
  ])('of nothing but %s is given up after 10,000', async (_what, repeated) => {
    const { refusal, asked } = await cost(endless(start, repeated));
    expect(refusal).toBe('unreadable');
    expect(asked).toBeLessThan(10_000 * repeated.length + 3 * portion);
  });

  /**
   * One code of 15 bits ends 16,384 blocks: 4 million blocks in 80 bytes, and that for every scan.
   */
  const bomb = Buffer.concat([
    start,
    frame(0xc2, 1024),
    codes(0, 0, 1),
    codes(0x10, 0xe0, 0),
    scan(0, 0, 0),
    Buffer.alloc((128 * 128) / 8),
  ]);
  test.each([
    ['first', 0x01],
    ['refining', 0x10],
  ])('of %s scans without number is given up after a hundred pictures’ worth', async (_which, bits) => {
    const more = Buffer.concat([scan(1, 63, bits), Buffer.from([0x00, 0x00])]);
    const { refusal, asked } = await cost(endless(bomb, more));
    expect(refusal).toBe('rare_jpeg');
    expect(asked).toBeLessThan(bomb.length + 100 * more.length + 3 * portion);
  });

  test.each([
    [13, undefined],
    [40, 'rare_jpeg'],
  ])(
    'that is refined %i times is taken, or is a bomb: there are 13 bits to refine',
    async (times, refusal) => {
      const refining = Buffer.concat([scan(1, 63, 0x10), Buffer.from([0x00, 0x00])]);
      const more = Array<Buffer>(times).fill(refining);
      const file = Buffer.concat([
        bomb,
        scan(1, 63, 1),
        Buffer.from([0, 0]),
        ...more,
        Buffer.from([0xff, 0xd9]),
      ]);
      expect((await cost(endless(file, Buffer.alloc(portion), file.length))).refusal).toBe(refusal);
    },
  );

  test('whose scan is fill bytes, or goes on behind its last block, is given up', async () => {
    const head = Buffer.concat([start, frame(0xc0, 64), codes(0, 0, 1), codes(0x10, 0, 1), scan(0, 63, 0)]);
    expect((await cost(endless(head, Buffer.alloc(portion, 0xff), 3_000_000))).refusal).toBe('damaged');
    const { refusal, asked } = await cost(endless(head, Buffer.alloc(portion, 0x11)));
    expect(refusal).toBe('damaged');
    expect(asked).toBeLessThan(200_000);
  });

  test('with a video behind it is read no further than its end', async () => {
    const jpeg = await photograph().jpeg().toBuffer();
    const { refusal, asked } = await cost(endless(jpeg, Buffer.alloc(portion, 7)));
    expect([refusal, asked]).toEqual([undefined, jpeg.length]);
  });
});

describe('a PNG', () => {
  const head = Buffer.concat([signature, pngChunk('IHDR', header(10_000, 10_000).bytes)]);

  test.each([
    ['image data of no bytes', pngChunk('IDAT', Buffer.alloc(0))],
    ['image data of one byte', pngChunk('IDAT', Buffer.from([0x78]))],
    ['texts', pngChunk('tEXt', Buffer.alloc(0))],
  ])('of chunks of %s is given up after 100,000', async (_what, chunk) => {
    const { refusal, asked } = await cost(endless(head, chunk));
    expect(refusal).toBe('damaged');
    expect(asked).toBeLessThan(100_000 * chunk.length + 3 * portion);
  });

  test('that goes on behind its rows is given up', async () => {
    const small = Buffer.concat([signature, pngChunk('IHDR', header(40, 40, 8, 0).bytes)]);
    /** A stored block of 16,000 zeros, which is never the last. */
    const block = Buffer.concat([Buffer.from([0, 0x80, 0x3e, 0x7f, 0xc1]), Buffer.alloc(16_000)]);
    const first = pngChunk('IDAT', Buffer.from([0x78, 0x01]));
    const { refusal, asked } = await cost(endless(Buffer.concat([small, first]), pngChunk('IDAT', block)));
    expect(refusal).toBe('damaged');
    expect(asked).toBeLessThan(1_000_000);
  });
});

describe('a WebP', () => {
  test('of chunks without number is given up after a thousand', async () => {
    const head = Buffer.from(toWebp([]));
    head.writeUInt32LE(49_000_000, 4);
    const { refusal, asked } = await cost(endless(head, Buffer.from('EXIF\0\0\0\0')));
    expect(refusal).toBe('damaged');
    expect(asked).toBeLessThan(8000 + 3 * portion);
  });

  test('that declares 4 GB is asked for no memory that does not come', async () => {
    const chunk = Buffer.from('VP8 ____');
    chunk.writeUInt32LE(0xffff_fff0, 4);
    const head = Buffer.concat([toWebp([]), chunk, Buffer.from([0x10, 0, 0, 0x9d, 1, 0x2a, 64, 0, 64, 0])]);
    head.writeUInt32LE(0xffff_ffff, 4);
    expect(await cost(endless(head, Buffer.alloc(portion), 100_000))).toMatchObject({ refusal: 'damaged' });
  });
});
