/** Planes: one number per pixel, and the few operations on them that the restoration is made of. */
import sharp, { type Sharp } from 'sharp';

/** Values 0–255 (not clipped), row by row. */
export type Plane = { width: number; height: number; values: Float32Array };

/** A photograph as three planes of one size. */
export type Picture = { red: Plane; green: Plane; blue: Plane };

export const channels = ['red', 'green', 'blue'] as const;

/** A new plane, each value made from its index. */
export function plane(
  { width, height }: Pick<Plane, 'width' | 'height'>,
  value: (i: number) => number,
): Plane {
  const values = new Float32Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = value(i);
  return { width, height, values };
}

/** The value at an index that the caller knows to be inside. */
export const at = (values: ArrayLike<number>, i: number): number => values[i] ?? 0;

export function mapPicture(picture: Picture, change: (from: Plane) => Plane): Picture {
  return { red: change(picture.red), green: change(picture.green), blue: change(picture.blue) };
}

/** Perceived brightness (Rec. 601). */
export function luminance({ red, green, blue }: Picture): Plane {
  return plane(
    red,
    (i) => 0.299 * at(red.values, i) + 0.587 * at(green.values, i) + 0.114 * at(blue.values, i),
  );
}

/** Interleaved 8-bit RGB → planes. */
export function fromPixels(pixels: Buffer, width: number, height: number): Picture {
  const channel = (c: number) => plane({ width, height }, (i) => at(pixels, i * 3 + c));
  return { red: channel(0), green: channel(1), blue: channel(2) };
}

/** Planes → interleaved 8-bit RGB. */
export function toPixels({ red, green, blue }: Picture): Buffer {
  const pixels = Buffer.alloc(red.values.length * 3);
  for (let i = 0; i < red.values.length; i++) {
    pixels[i * 3] = toByte(at(red.values, i));
    pixels[i * 3 + 1] = toByte(at(green.values, i));
    pixels[i * 3 + 2] = toByte(at(blue.values, i));
  }
  return pixels;
}

export const toByte = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));

/** Passes one plane through sharp, as 8-bit grey. */
export async function throughSharp(from: Plane, change: (image: Sharp) => Sharp): Promise<Plane> {
  const { width, height } = from;
  const raw = { width, height, channels: 1 } as const;
  const image = sharp(Buffer.from(Uint8Array.from(from.values, toByte)), { raw });
  const { data, info } = await change(image).extractChannel(0).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, values: Float32Array.from(data) };
}

/** The mean over the square of side 2·radius+1 around each pixel, by running sums: radius costs nothing. */
export function boxMean(from: Plane, radius: number): Plane {
  return transpose(rowMean(transpose(rowMean(from, radius)), radius));
}

function rowMean({ width, height, values }: Plane, radius: number): Plane {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let sum = 0;
    for (let x = 0; x < Math.min(radius, width); x++) sum += at(values, row + x);
    for (let x = 0; x < width; x++) {
      if (x + radius < width) sum += at(values, row + x + radius);
      if (x - radius > 0) sum -= at(values, row + x - radius - 1);
      out[row + x] = sum / (Math.min(width - 1, x + radius) - Math.max(0, x - radius) + 1);
    }
  }
  return { width, height, values: out };
}

/** Rows become columns. */
export function transpose({ width, height, values }: Plane): Plane {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) out[x * height + y] = at(values, y * width + x);
  }
  return { width: height, height: width, values: out };
}

/** The value below which the given share of a plane lies; share 0–1. */
export function percentile({ values }: Plane, share: number): number {
  const counts = new Uint32Array(256);
  for (const value of values) counts[toByte(value)] = at(counts, toByte(value)) + 1;
  let below = 0;
  for (let level = 0; level < 256; level++) {
    below += at(counts, level);
    if (below > share * values.length) return level;
  }
  return 255;
}
