import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { exif } from './chunks.ts';
import { encodeJpeg, segment } from './jpeg-encoder.ts';
import { height, judge, photograph, width } from './siblings.ts';

const jpeg = await photograph().jpeg().toBuffer();
const progressive = await photograph().jpeg({ progressive: true }).toBuffer();
const upright = `${width} × ${height} image/jpeg`;

/** Where each marker of that kind begins, outside of scans. */
function markers(bytes: Buffer, marker: number): number[] {
  const found: number[] = [];
  for (let at = bytes.indexOf(0xff, 2); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === marker) found.push(at);
  }
  return found;
}
const at = (bytes: Buffer, marker: number) => markers(bytes, marker)[0] ?? -1;
const insert = (bytes: Buffer, place: number, ...parts: Uint8Array[]) =>
  Buffer.concat([bytes.subarray(0, place), ...parts, bytes.subarray(place)]);
function changed(bytes: Buffer, place: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[place] = value;
  return copy;
}
/** Without that segment. */
const without = (bytes: Buffer, place: number) =>
  Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 2 + bytes.readUInt16BE(place + 2))]);
const [dht, sof, sos, eoi] = [0xc4, 0xc0, 0xda, jpeg.length - 2];

describe('a JPEG is taken', () => {
  test('with fill bytes before every marker outside of its scan', async () => {
    const places = [0xdb, dht, sof, sos].flatMap((marker) => markers(jpeg, marker)).sort((a, b) => b - a);
    const filled = places.reduce((bytes, place) => insert(bytes, place, Buffer.alloc(3, 0xff)), jpeg);
    expect(await judge(insert(filled, filled.length - 2, Buffer.from([0xff])))).toBe(upright);
    expect(await judge(insert(jpeg, 2, Buffer.alloc(70_000, 0xff)))).toBe(upright);
  });

  test.each([
    ['zeros', Buffer.alloc(300)],
    ['text', Buffer.from('from my scanner')],
    ['stuffed FF', Buffer.from([0xff, 0, 0xff, 0])],
    ['markers that stand alone', Buffer.from([0xff, 1, 0xff, 0xd3])],
  ])('with stray bytes between its segments: %s', async (_what, stray) => {
    for (const marker of [dht, sof, sos])
      expect(await judge(insert(jpeg, at(jpeg, marker), stray))).toBe(upright);
  });

  test('with 9 MB of XMP before its frame', async () => {
    const xmp = segment(
      0xe1,
      Buffer.from('http://ns.adobe.com/xmp/extension/\0'),
      Buffer.alloc(65_000, 0x20),
    );
    expect(await judge(insert(jpeg, 2, ...Array<Buffer>(140).fill(xmp)))).toBe(upright);
  });

  test('with a preview in its metadata, which is cut off', async () => {
    expect(await judge(insert(jpeg, 2, segment(0xe2, jpeg.subarray(0, 900))))).toBe(upright);
  });

  test('with a few stray bytes behind its scan, and not with many', async () => {
    expect(await judge(insert(jpeg, eoi, Buffer.alloc(12)))).toBe(upright);
    expect(await judge(insert(jpeg, eoi, Buffer.alloc(100)))).toBe('damaged');
  });

  test('with another restart marker before its end', async () => {
    expect(await judge(insert(jpeg, eoi, Buffer.from([0xff, 0xd0])))).toBe(upright);
  });

  test('with odd numbers in the header of a sequential scan', async () => {
    const place = at(jpeg, sos);
    expect(await judge(changed(jpeg, place + 2 + jpeg.readUInt16BE(place + 2) - 1, 0x11))).toBe(upright);
  });

  test.each([
    [[[1, 1]]],
    [[[2, 2]]],
    [
      [
        [4, 1],
        [1, 1],
        [1, 1],
      ],
    ],
    [
      [
        [1, 2],
        [1, 1],
        [1, 1],
      ],
    ],
    [
      [
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    ],
    [
      [
        [3, 1],
        [1, 1],
        [2, 1],
      ],
    ],
  ] as [[number, number][]][])('whose samplings are %j', async (sampling) => {
    for (const [apart, w, h] of [
      [false, 33, 65],
      [true, 250, 47],
    ] as const) {
      const bytes = encodeJpeg({ sampling, width: w, height: h, apart, interval: 3 });
      if (!sampling.some(([across]) => across === 3)) await sharp(bytes, { failOn: 'warning' }).toBuffer();
      expect(await judge(bytes)).toBe(`${w} × ${h} image/jpeg`);
    }
  });
});

describe('a JPEG that lies on its side', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 0, 9])('by orientation %d is as wide as it is seen', async (turn) => {
    const sides = turn >= 5 && turn <= 8 ? `${height} × ${width}` : `${width} × ${height}`;
    for (const order of ['II', 'MM'] as const) {
      const app1 = segment(0xe1, Buffer.from('Exif\0\0'), exif(turn, order));
      expect(await judge(insert(jpeg, 2, app1))).toBe(`${sides} image/jpeg`);
    }
  });

  test('says so in its first EXIF, if that can be read', async () => {
    const app1 = (block: Buffer) => segment(0xe1, Buffer.from('Exif\0\0'), block);
    expect(await judge(insert(jpeg, 2, app1(exif(6)), app1(exif(1))))).toBe(
      `${height} × ${width} image/jpeg`,
    );
    for (const length of [0, 4, 9, 12, 20])
      expect(await judge(insert(jpeg, 2, app1(exif(6).subarray(0, length))))).toBe(upright);
  });
});

describe('a JPEG is damaged', () => {
  test.each<[string, () => Buffer]>([
    ['without its end', () => jpeg.subarray(0, eoi)],
    ['with half its end', () => jpeg.subarray(0, eoi + 1)],
    ['without its scan', () => Buffer.concat([jpeg.subarray(0, at(jpeg, sos)), jpeg.subarray(eoi)])],
    ['without Huffman codes', () => without(jpeg, at(jpeg, dht))],
    ['with a scan before its frame', () => without(jpeg, at(jpeg, sof))],
    ['with a second frame', () => insert(jpeg, at(jpeg, sos), encodeJpeg().subarray(71, 84))],
    ['with a picture inside', () => insert(jpeg, at(jpeg, sos), Buffer.from([0xff, 0xd8]))],
    ['with a segment of a length that there is not', () => insert(jpeg, 2, Buffer.from([0xff, 0xe0, 0, 1]))],
    ['with a scan of another component', () => changed(jpeg, at(jpeg, sos) + 5, 9)],
    ['with too many codes of a length', () => changed(jpeg, at(jpeg, dht) + 5, 3)],
    [
      'with fewer scans than components',
      () => {
        const apart = encodeJpeg({
          sampling: [
            [1, 1],
            [1, 1],
            [1, 1],
          ],
          apart: true,
        });
        return Buffer.concat([apart.subarray(0, markers(apart, sos)[2]), apart.subarray(-2)]);
      },
    ],
    [
      'with a restart marker out of turn',
      () => {
        const bytes = encodeJpeg({ interval: 2 });
        return changed(bytes, (markers(bytes, 0xd1)[0] ?? 0) + 1, 0xd2);
      },
    ],
    [
      'with a restart interval missing',
      () => {
        const bytes = encodeJpeg({ interval: 2 });
        const [from = 0, to = 0] = [0xd1, 0xd2].map((marker) => markers(bytes, marker)[0]);
        return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
      },
    ],
    [
      'with restart markers where none should be',
      () => {
        const bytes = encodeJpeg({ interval: 2 });
        return without(bytes, at(bytes, 0xdd));
      },
    ],
  ])('%s', async (_how, make) => {
    expect(await judge(make())).toBe('damaged');
  });

  test('when its progressive scans break off, even where one has ended', async () => {
    for (const scan of markers(progressive, sos).slice(1))
      expect(await judge(progressive.subarray(0, scan))).toBe('damaged');
  });

  test('when a progressive scan names a band that there is not', async () => {
    const place = (markers(progressive, sos)[1] ?? 0) + 7;
    expect(await judge(changed(progressive, place, 64))).toBe('damaged');
  });
});

describe('a JPEG is refused as too rare', () => {
  test.each([
    ['arithmetic-coded', 0xc9],
    ['arithmetic-coded and progressive', 0xca],
    ['lossless', 0xc3],
    ['hierarchical', 0xc5],
  ])('when it is %s', async (_what, marker) => {
    expect(await judge(changed(jpeg, at(jpeg, sof) + 1, marker))).toBe('rare_jpeg');
  });

  test('when it has 12 bits a sample', async () => {
    expect(await judge(changed(jpeg, at(jpeg, sof) + 4, 12))).toBe('rare_jpeg');
  });

  test('when it has two components', async () => {
    expect(
      await judge(
        encodeJpeg({
          sampling: [
            [1, 1],
            [1, 1],
          ],
        }),
      ),
    ).toBe('rare_jpeg');
  });
});
