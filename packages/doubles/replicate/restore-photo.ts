/**
 * Restores a photograph with sharp's operations: scratches and dust, grain, contrast, colour, and
 * twice the size. How much is done follows from how faded the print is: a sound one only grows.
 */
import sharp, { type OutputInfo, type Sharp } from 'sharp';

export type OutputFormat = 'png' | 'jpg';

/** Longest side of a restored photograph, in pixels. */
const longestSide = 4096;

/** Interleaved 8-bit pixels. */
type Raw = { data: Uint8Array; info: Pick<OutputInfo, 'width' | 'height' | 'channels'> };

const open = ({ data, info: { width, height, channels } }: Raw) =>
  sharp(data, { raw: { width, height, channels } });
const rawOf = (image: Sharp): Promise<Raw> => image.raw().toBuffer({ resolveWithObject: true });
const greyOf = (image: Sharp) => rawOf(image.extractChannel(0));
const at = (values: ArrayLike<number>, i: number) => values[i] ?? 0;

/**
 * @param input an image file that sharp reads, at most 100 megapixels
 * @returns the restored photograph, upright, twice the size within 4,096 pixels, without metadata
 * @throws Error in the words of the models' image library when the bytes are no readable image
 */
export async function restorePhoto(input: Buffer, format: OutputFormat): Promise<Buffer> {
  const half = longestSide / 2;
  const upright = sharp(input, { limitInputPixels: 100_000_000, failOn: 'error' })
    .autoOrient()
    .flatten({ background: '#fff' })
    .resize({ width: half, height: half, fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .removeAlpha();
  const print = await rawOf(upright).catch((error: Error) => {
    throw new Error(inPillowsWords(error.message));
  });
  const tone = await toneOf(print);
  const whole = tone.faded === 0 ? print : await revive(await mend(print, tone.faded), tone);
  const { width, height } = print.info;
  const image = open(whole).resize({ width: 2 * width, height: 2 * height, kernel: 'linear' });
  // Half the time of sharp’s own level 6, for 7 % more bytes.
  const png = { compressionLevel: 1 };
  return format === 'png' ? image.png(png).toBuffer() : image.jpeg({ quality: 92 }).toBuffer();
}

/** What Pillow, with which the models read their input, says of a file that it cannot read. */
const inPillowsWords = (reason: string) =>
  /unsupported image format/.test(reason)
    ? 'cannot identify image file <_io.BytesIO object at 0x7f5d1c0a2e30>'
    : `image file is truncated (${reason.replace(/\s+/g, ' ').trim()})`;

/** `faded` 0–1; then, per channel, the darkest level and what stretches them to the whole range. */
type Tone = { faded: number; dark: number[]; gain: number[]; colour: number };

/** Rec. 601. */
const luminance = [0.299, 0.587, 0.114];
const brightness = (pixel: number[]) => pixel.reduce((sum, value, c) => sum + value * at(luminance, c), 0);

/** Measured on a thumbnail without specks: a scratch is not the print's white. */
async function toneOf(print: Raw): Promise<Tone> {
  const side = 128;
  const { data } = await rawOf(open(print).resize(side, side, { fit: 'fill', kernel: 'linear' }).median(3));
  const pixels = data.length / 3;
  const sorted = luminance.map((_, c) =>
    Uint8Array.from({ length: pixels }, (_, i) => at(data, 3 * i + c)).sort(),
  );
  const level = (share: number) => sorted.map((values) => at(values, Math.floor(share * pixels)));
  const dark = level(0.01);
  const spans = level(0.985).map((light, c) => light - at(dark, c));
  // A sound photo spans 205 levels or more in one channel at least, the demo's prints 130 to 150.
  const faded = Math.max(0, Math.min(1, (205 - Math.max(...spans)) / 50));
  // One that spans less than 60 is of one tone by itself, and not stretched to the whole.
  const gain = spans.map((span) => 1 + faded * (238 / Math.max(60, span) - 1));
  let squares = 0; // of every fourth pixel, which is enough
  for (let i = 0; i < data.length; i += 4 * 3) {
    const pixel = gain.map((factor, c) => factor * (at(data, i + c) - at(dark, c)));
    squares += pixel.reduce((sum, value) => sum + (value - brightness(pixel)) ** 2, 0);
  }
  return { faded, dark, gain, colour: Math.sqrt((4 * squares) / data.length) };
}

/** Brings back contrast and colour; what is nearly grey once it is stretched was grey. */
async function revive(print: Raw, { faded, dark, gain, colour }: Tone): Promise<Raw> {
  const saturation = colour < 9 ? 1 - faded : 1 + faded;
  const row = (c: number) =>
    gain.map(
      (factor, from) => factor * (saturation * (c === from ? 1 : 0) + (1 - saturation) * at(luminance, from)),
    );
  const matrix = [row(0), row(1), row(2)];
  const black = dark.map((value) => faded * value);
  const offset = matrix.map(
    (factors) => 0.5 - factors.reduce((sum, factor, c) => sum + factor * at(black, c), 0),
  );
  return rawOf(
    open(print)
      .recomb(matrix as Parameters<Sharp['recomb']>[0])
      .linear([1, 1, 1], offset),
  );
}

/**
 * Fills defects from around them, and calms grain: colours lie in the blurred copy, edges do not.
 */
async function mend(print: Raw, faded: number): Promise<Raw> {
  const { data, info } = print;
  const { sound, noise } = await findDefects(print);
  const sigma = 1.2 * Math.max(1, Math.min(info.width, info.height) / 512);
  const holes = new Uint8Array((data.length / 3) * 4);
  for (let pixel = 0, i = 0, j = 0; i < data.length; pixel++, i += 3, j += 4) {
    holes[j] = data[i] ?? 0;
    holes[j + 1] = data[i + 1] ?? 0;
    holes[j + 2] = data[i + 2] ?? 0;
    holes[j + 3] = sound.data[pixel] ?? 0;
  }
  // sharp weighs colours by alpha, so that what is around a hole flows into it.
  const blurred = open({ data: holes, info: { ...info, channels: 4 } }).blur(sigma);
  const { data: calm } = await rawOf(blurred);
  const grain = 2 * faded * noise;
  const mended = new Uint8ClampedArray(data.length);
  for (let pixel = 0, i = 0, j = 0; i < data.length; pixel++, i += 3, j += 4) {
    const [red, green, blue] = [calm[j] ?? 0, calm[j + 1] ?? 0, calm[j + 2] ?? 0];
    const detail =
      0.299 * ((data[i] ?? 0) - red) +
      0.587 * ((data[i + 1] ?? 0) - green) +
      0.114 * ((data[i + 2] ?? 0) - blue);
    const beyond = detail > grain ? detail - grain : detail < -grain ? detail + grain : 0;
    const kept = (beyond * (sound.data[pixel] ?? 0)) / 255;
    mended[i] = red + kept;
    mended[i + 1] = green + kept;
    mended[i + 2] = blue + kept;
  }
  return { data: new Uint8Array(mended.buffer), info };
}

/**
 * Scratches and dust: thinner than a median's window, and further from it than all around them.
 * @returns 255 where the print is sound, 0 in a defect; and how far grain strays from the median
 */
async function findDefects(print: Raw): Promise<{ sound: Raw; noise: number }> {
  const { width, height } = print.info;
  const shrink = Math.max(1, Math.min(width, height) / 512);
  const size = { width: Math.round(width / shrink), height: Math.round(height / shrink) };
  // The dye that fades first: a scratch down to the paper stands out most in blue.
  const blue = open(print)
    .resize({ ...size, fit: 'fill' })
    .extractChannel(2);
  const grey = await rawOf(blue);
  const calm = await greyOf(open(grey).median(7));
  const far = { ...grey, data: grey.data.map((value, i) => Math.abs(value - at(calm.data, i))) };
  const rough = await greyOf(open(far).blur(10));
  const defects = far.data.map((value, i) => (value > 18 + 1.5 * at(rough.data, i) ? 255 : 0));
  const grown = open({ ...grey, data: defects })
    .blur(1.1)
    .linear(-3, 255);
  const sound = await greyOf(grown.resize({ width, height, fit: 'fill' }));
  const sample = far.data.filter((_, i) => i % 16 === 0).sort();
  return { sound, noise: at(sample, sample.length >> 1) };
}
