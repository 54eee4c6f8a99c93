/** Sound pictures of every kind that is taken, and what befalls files on their way. */
import { join } from 'node:path';
import sharp, { type PngOptions, type Sharp } from 'sharp';
import { readPicture } from '../../../lambdas/upload/record-upload/picture/read-picture.ts';
import { encodeJpeg, noise } from './jpeg-encoder.ts';

/** The bytes in pieces of that many, as a network brings them. */
export async function* pieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** `300 × 200 image/jpeg`, or why it is refused. */
export async function judge(bytes: Uint8Array, size?: number): Promise<string> {
  const found = await readPicture(pieces(bytes, size), { maxPixels: 100_000_000 });
  if ('refusal' in found) return found.refusal;
  return `${found.photo.width} × ${found.photo.height} ${found.photo.mimeType}`;
}

const astronaut = join(import.meta.dirname, '../../../demo/photos/astronaut.png');
export const [width, height] = [120, 88];

/** A part of a photograph. */
export const photograph = () => sharp(astronaut).removeAlpha().extract({ left: 140, top: 20, width, height });

const grey = () => photograph().toColourspace('b-w');
const withAlpha = () => photograph().ensureAlpha(0.5);

export type Kind = { name: string; type: string; make: () => Promise<Buffer> };

/** Made once, however often it is asked for. */
function kind(name: string, type: string, make: () => Promise<Buffer>): Kind {
  let made: Promise<Buffer> | undefined;
  return {
    name,
    type,
    make() {
      made ??= make();
      return made;
    },
  };
}

export const jpegs: Kind[] = [
  ...[40, 80, 100].flatMap((quality) =>
    [false, true].flatMap((progressive) =>
      ['4:2:0', '4:4:4'].map((chromaSubsampling) =>
        kind(`JPEG ${quality} ${chromaSubsampling}${progressive ? ' progressive' : ''}`, 'image/jpeg', () =>
          photograph().jpeg({ quality, progressive, chromaSubsampling }).toBuffer(),
        ),
      ),
    ),
  ),
  ...[false, true].flatMap((progressive) => [
    kind(`grey JPEG${progressive ? ' progressive' : ''}`, 'image/jpeg', () =>
      grey().jpeg({ progressive }).toBuffer(),
    ),
    kind(`CMYK JPEG${progressive ? ' progressive' : ''}`, 'image/jpeg', () =>
      photograph().toColourspace('cmyk').jpeg({ progressive }).toBuffer(),
    ),
  ]),
  kind('JPEG without tables of its own', 'image/jpeg', () =>
    photograph().jpeg({ optimiseCoding: false }).toBuffer(),
  ),
  kind('JPEG of mozjpeg', 'image/jpeg', () => photograph().jpeg({ mozjpeg: true }).toBuffer()),
  ...[1, 4, 11].map((interval) =>
    kind(`JPEG with a restart every ${interval} MCUs`, 'image/jpeg', async () =>
      encodeJpeg({
        width,
        height,
        sampling: [
          [2, 2],
          [1, 1],
          [1, 1],
        ],
        interval,
      }),
    ),
  ),
  kind('JPEG with a scan for each component', 'image/jpeg', async () =>
    encodeJpeg({
      width,
      height,
      sampling: [
        [2, 1],
        [1, 1],
        [1, 1],
      ],
      apart: true,
      interval: 5,
    }),
  ),
  kind('JPEG of odd samplings', 'image/jpeg', async () =>
    encodeJpeg({
      width,
      height,
      sampling: [
        [1, 2],
        [2, 1],
        [1, 1],
      ],
    }),
  ),
];

export const pngs: Kind[] = [false, true].flatMap((progressive) => {
  const of = (name: string, picture: () => Sharp, options: PngOptions = {}) =>
    kind(`${name}${progressive ? ' interlaced' : ''}`, 'image/png', () =>
      picture()
        .png({ progressive, ...options })
        .toBuffer(),
    );
  return [
    of('PNG', photograph),
    of('PNG with alpha', withAlpha),
    of('grey PNG', grey),
    of('PNG of 16 bits', () => photograph().toColourspace('rgb16')),
    of('PNG with a palette', photograph, { palette: true }),
    of('PNG of 4 colours', photograph, { palette: true, colours: 4 }),
    of('PNG not compressed', photograph, { compressionLevel: 0 }),
  ];
});

export const webps: Kind[] = [
  kind('WebP', 'image/webp', () => photograph().webp().toBuffer()),
  kind('WebP 100', 'image/webp', () => photograph().webp({ quality: 100 }).toBuffer()),
  kind('WebP 10', 'image/webp', () => photograph().webp({ quality: 10 }).toBuffer()),
  kind('WebP with alpha', 'image/webp', () => withAlpha().webp().toBuffer()),
  kind('lossless WebP', 'image/webp', () => photograph().webp({ lossless: true }).toBuffer()),
  kind('lossless WebP with alpha', 'image/webp', () => withAlpha().webp({ lossless: true }).toBuffer()),
  kind('nearly lossless WebP', 'image/webp', () =>
    photograph().webp({ nearLossless: true, quality: 60 }).toBuffer(),
  ),
];

export const kinds = [...jpegs, ...pngs, ...webps];

/** The first `share` of a file. */
export const cut = (bytes: Buffer, share: number) => bytes.subarray(0, Math.floor(bytes.length * share));

/** Of the right length, but from `share` on something else; `kept` bytes at the end stay. */
export function overwritten(bytes: Buffer, share: number, by: (index: number) => number, kept = 0): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = Math.floor(bytes.length * share); at < bytes.length - kept; at++) copy[at] = by(at);
  return copy;
}

export const zeros = () => 0;
export const junk = (seed: number) => {
  const next = noise(seed);
  return () => next() & 255;
};
