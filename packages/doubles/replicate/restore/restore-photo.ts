/** Restores a photograph: colour, scratches, dust, grain, contrast, sharpness, and twice the size. */
import sharp from 'sharp';
import { findDefects, inpaint } from './defects.ts';
import { calmGrain } from './grain.ts';
import { fromPixels, toPixels } from './plane.ts';
import { balance, enliven, revive } from './tone.ts';

export type OutputFormat = 'png' | 'jpg';

/** Longest side of a restored photograph, in pixels. */
export const longestSide = 4096;

/**
 * @param input an image file that sharp reads, at most 100 megapixels
 * @returns the restored photograph, upright, twice the size within `longestSide`, without metadata
 * @throws Error when the bytes are not a readable image
 */
export async function restorePhoto(input: Buffer, format: OutputFormat): Promise<Buffer> {
  const { data, info } = await sharp(input, { limitInputPixels: 100_000_000, failOn: 'error' })
    .autoOrient()
    .flatten({ background: '#fff' })
    .resize({ width: longestSide / 2, height: longestSide / 2, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const faded = fromPixels(data, info.width, info.height);
  const balanced = balance(faded);
  const mended = inpaint(balanced, await findDefects(balanced));
  const lively = enliven(revive(calmGrain(mended)), 0.2);
  const image = sharp(toPixels(lively), { raw: { width: info.width, height: info.height, channels: 3 } })
    .resize({ width: 2 * info.width, height: 2 * info.height, kernel: 'lanczos3' })
    .sharpen({ sigma: 1.6, m1: 0.4, m2: 2.2 });
  return format === 'png' ? image.png().toBuffer() : image.jpeg({ quality: 92 }).toBuffer();
}
