/** Ageing by program, and that the restoration really undoes it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { agePhoto } from '../../demo/age-photo.ts';
import { sideBySide } from '../../demo/side-by-side.ts';
import { runRestoration } from '../../packages/doubles/replicate/restore/run-restoration.ts';

const photo = (name: string) =>
  readFile(fileURLToPath(new URL(`../../demo/photos/${name}`, import.meta.url)));

const restorePhoto = (picture: Buffer, format: 'png' | 'jpg') =>
  runRestoration(picture, format, new AbortController().signal);

/** As raw RGB at one size, so that pictures of different sizes can be compared. */
const pixels = (picture: Buffer) =>
  sharp(picture).resize(256, 256, { fit: 'fill' }).toColourspace('srgb').removeAlpha().raw().toBuffer();

/** Mean distance per channel, 0–255. */
async function distance(one: Buffer, other: Buffer): Promise<number> {
  const [a, b] = await Promise.all([pixels(one), pixels(other)]);
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
}

describe('ageing', () => {
  test('makes the same picture of the same seed, and another of another', async () => {
    const clean = await photo('camera.png');
    const aged = await agePhoto(clean, 7);
    expect((await agePhoto(clean, 7)).equals(aged)).toBe(true);
    expect(await distance(await agePhoto(clean, 8), aged)).toBeGreaterThan(1);
  });

  test('keeps the size and makes a JPEG of it', async () => {
    const aged = await agePhoto(await photo('grace-hopper.jpg'), 1);
    expect(await sharp(aged).metadata()).toMatchObject({ format: 'jpeg', width: 512, height: 600 });
  });
});

test.each(['grace-hopper.jpg', 'astronaut.png', 'camera.png'])(
  '%s is much nearer to itself restored than aged',
  async (name) => {
    const clean = await photo(name);
    const aged = await agePhoto(clean, 7);
    const restored = await restorePhoto(aged, 'png');
    expect(await distance(restored, clean)).toBeLessThan(0.6 * (await distance(aged, clean)));
  },
);

test('a black-and-white photograph comes back black and white', async () => {
  const restored = await restorePhoto(await agePhoto(await photo('camera.png'), 7), 'png');
  const rgb = await pixels(restored);
  const { channels } = await sharp(rgb, { raw: { width: 256, height: 256, channels: 3 } }).stats();
  const [red, , blue] = channels.map(({ mean }) => mean);
  expect(Math.abs((red ?? 0) - (blue ?? 255))).toBeLessThan(1);
});

test('a scratch across a plain wall is gone', async () => {
  const scratch =
    '<svg width="200" height="200"><path d="M60 0L90 200" stroke="#fff" stroke-width="1.5"/></svg>';
  const wall = await sharp({ create: { width: 200, height: 200, channels: 3, background: '#806040' } })
    .composite([
      { input: Buffer.from('<svg width="100" height="200"><rect width="30" height="200"/></svg>') },
    ])
    .png()
    .toBuffer();
  const scratched = await sharp(wall)
    .composite([{ input: Buffer.from(scratch) }])
    .png()
    .toBuffer();
  const [plain, mended] = await Promise.all([restorePhoto(wall, 'png'), restorePhoto(scratched, 'png')]);
  expect(await distance(plain, mended)).toBeLessThan(1);
});

test('a restored photo stands upright, carries no metadata and stays within 4096 pixels', async () => {
  const wide = { create: { width: 3000, height: 300, channels: 3 as const, background: '#456' } };
  const turned = await sharp(wide)
    .withExif({ IFD0: { Orientation: '6', Artist: 'somebody' }, IFD3: { GPSLatitudeRef: 'N' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  expect((await sharp(turned).metadata()).orientation).toBe(6);
  const { width, height, exif, orientation } = await sharp(await restorePhoto(turned, 'jpg')).metadata();
  expect({ width, height }).toEqual({ width: 410, height: 4096 });
  expect({ exif, orientation }).toEqual({ exif: undefined, orientation: undefined });
});

test('what is no picture is refused in words', async () => {
  await expect(restorePhoto(Buffer.from('no picture'), 'png')).rejects.toThrow(/unsupported image format/);
});

test('two pictures of a pair stand next to each other, a row for each pair', async () => {
  const pair = {
    before: await photo('camera.png'),
    after: await photo('camera.png'),
    name: 'A <man> & his camera',
  };
  const [one, two] = await Promise.all([sideBySide([pair]), sideBySide([pair, pair])]);
  const [single, double] = [await sharp(one).metadata(), await sharp(two).metadata()];
  expect(double.width).toBe(single.width);
  expect(double.height).toBeGreaterThan(1.8 * single.height);
});
