import { deflateSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { type Chunk, exif, header, pngChunk, pngChunks, signature, toPng } from './chunks.ts';
import { height, judge, photograph, width } from './siblings.ts';

const png = await photograph().png().toBuffer();
const chunks = pngChunks(png);
const upright = `${width} × ${height} image/png`;
const data = Buffer.concat(chunks.filter(({ name }) => name === 'IDAT').map(({ bytes }) => bytes));
const idat = (bytes: Buffer): Chunk => ({ name: 'IDAT', bytes });
const end: Chunk = { name: 'IEND', bytes: Buffer.alloc(0) };
const head = header(width, height);

/** A grey picture of 40 × 40, whose rows begin with that filter. */
const rows = (filter: number, count = 40) =>
  deflateSync(
    Buffer.concat(Array<Buffer>(count).fill(Buffer.concat([Buffer.from([filter]), Buffer.alloc(40)]))),
  );
const grey = (bytes: Buffer) => toPng([header(40, 40, 8, 0), idat(bytes), end]);

describe('a PNG is taken', () => {
  test('without its last chunk', async () => {
    expect(await judge(toPng([head, idat(data)]))).toBe(upright);
  });

  test('in as many chunks as anybody likes, some of them empty', async () => {
    const parts = Array.from({ length: Math.ceil(data.length / 100) }, (_, index) =>
      idat(data.subarray(100 * index, 100 * index + 100)),
    );
    expect(await judge(toPng([head, idat(Buffer.alloc(0)), ...parts, end]))).toBe(upright);
  });

  test('with a wrong check sum of what readers need not understand', async () => {
    const text = pngChunk('tEXt', Buffer.from('Title\0Grandma'));
    text[text.length - 1] = (text.at(-1) ?? 0) ^ 1;
    const first = pngChunk('IHDR', head.bytes);
    const rest = Buffer.concat([pngChunk('IDAT', data), text, pngChunk('IEND', end.bytes)]);
    expect(await judge(Buffer.concat([signature, first, text, rest]))).toBe(upright);
  });

  test('with what is no chunk behind its rows', async () => {
    expect(await judge(Buffer.concat([toPng([head, idat(data)]), Buffer.from([0, 0, 0, 9, 1, 2])]))).toBe(
      upright,
    );
  });

  test('with a chunk behind its rows that breaks off', async () => {
    const cut = pngChunk('eXIf', Buffer.alloc(50)).subarray(0, 20);
    expect(await judge(Buffer.concat([toPng([head, idat(data)]), cut]))).toBe(upright);
  });
});

describe('a PNG that lies on its side', () => {
  const turned = (orientation: number): Chunk => ({ name: 'eXIf', bytes: exif(orientation, 'II') });
  const sides = `${height} × ${width} image/png`;

  test('says so before its rows, or behind them', async () => {
    expect(await judge(toPng([head, turned(6), idat(data), end]))).toBe(sides);
    expect(await judge(toPng([head, idat(data), turned(8), end]))).toBe(sides);
    expect(await judge(toPng([head, turned(3), idat(data), end]))).toBe(upright);
  });

  test('may say so as a JPEG would', async () => {
    const bytes = Buffer.concat([Buffer.from('Exif\0\0'), exif(6)]);
    expect(await judge(toPng([head, { name: 'eXIf', bytes }, idat(data), end]))).toBe(sides);
  });
});

describe('a PNG is damaged', () => {
  test.each<[string, () => Buffer]>([
    ['without image data', () => toPng([head, end])],
    [
      'with a wrong check sum of its header',
      () => {
        const bytes = Buffer.from(png);
        bytes[29] = (bytes[29] ?? 0) ^ 1;
        return bytes;
      },
    ],
    [
      'with a wrong check sum of its image data',
      () => {
        const chunk = pngChunk('IDAT', data);
        chunk[chunk.length - 1] = (chunk.at(-1) ?? 0) ^ 1;
        return Buffer.concat([toPng([head]), chunk]);
      },
    ],
    ['with a row less', () => grey(rows(0, 39))],
    ['with a filter that there is not', () => grey(rows(5))],
    ['with far more than its rows', () => grey(rows(0, 4000))],
    ['with image data that are not compressed', () => grey(Buffer.alloc(2000, 1))],
    ['without its palette', () => toPng([header(40, 40, 8, 3), idat(rows(0)), end])],
    ['of a depth that there is not', () => toPng([header(40, 40, 4, 2), idat(rows(0)), end])],
    ['of a colour type that there is not', () => toPng([header(40, 40, 8, 5), idat(rows(0)), end])],
    ['interlaced in a way that there is not', () => toPng([header(40, 40, 8, 0, 2), idat(rows(0)), end])],
  ])('%s', async (_how, make) => {
    expect(await judge(make())).toBe('damaged');
  });

  test('when it has its rows: the check is no stricter than that', async () => {
    expect(await judge(grey(rows(4)))).toBe('40 × 40 image/png');
    expect(await judge(grey(rows(0, 41)))).toBe('40 × 40 image/png');
  });
});

describe('a PNG cannot be read', () => {
  test('when its first chunk is another', async () => {
    expect(await judge(toPng([{ name: 'CgBI', bytes: Buffer.alloc(4) }, head, idat(data), end]))).toBe(
      'unreadable',
    );
  });

  test('when a side has no pixels', async () => {
    expect(await judge(toPng([header(0, 40), idat(data), end]))).toBe('unreadable');
  });
});
