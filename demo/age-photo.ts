/** Makes a clean photograph look like a sixty-year-old print; a seed always gives the same one. */
import sharp from 'sharp';

const { PI, cos, imul, log, max, min, round, sin, sqrt } = Math;

/** Numbers in [0, 1), the same ones for the same seed (mulberry32). */
type Random = () => number;

/**
 * @param input a clean photograph in any format that sharp reads
 * @param seed which of the possible fates befalls it
 * @returns the aged print as JPEG, same size and upright
 */
export async function agePhoto(input: Buffer, seed: number): Promise<Buffer> {
  const random = createRandom(seed);
  const { data, info } = await sharp(input)
    .autoOrient()
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .blur(1 + random() * 0.2)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const print = { width: info.width, height: info.height };
  const faded = fade(data, print, info.channels, random);
  const damage = Buffer.from(damageSvg(print, random));
  return sharp(faded, { raw: { ...print, channels: 3 } })
    .composite([{ input: damage }])
    .jpeg({ quality: 90, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

type Size = { width: number; height: number };

/** What the dyes have left, blue least: [shadow, light] of each channel. */
const dyes = [
  [74, 226],
  [58, 198],
  [42, 148],
] as const;

/** Dyes, brown toning, stains, darkened edges and grain, pixel by pixel. */
function fade(pixels: Buffer, { width, height }: Size, channels: number, random: Random): Buffer {
  const out = Buffer.alloc(width * height * 3);
  const stain = stains(random);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels;
      const rgb = [0, 1, 2].map((c) => pixels[from + (channels >= 3 ? c : 0)] ?? 0);
      const grey = 0.299 * (rgb[0] ?? 0) + 0.587 * (rgb[1] ?? 0) + 0.114 * (rgb[2] ?? 0);
      const u = x / width - 0.5;
      const v = y / height - 0.5;
      const edge = 1 - 0.75 * (u * u + v * v) ** 1.5;
      const grain = gaussian(random) * 6;
      const blot = stain(x / width, y / height);
      dyes.forEach(([shadow, light], c) => {
        const toned = 0.5 * (rgb[c] ?? 0) + 0.5 * grey;
        const printed = shadow + ((light - shadow) * toned) / 255;
        out[(y * width + x) * 3 + c] = clamp(
          printed * edge + grain + gaussian(random) * 1.5 - blot * (4 + 5 * c),
        );
      });
    }
  }
  return out;
}

/** A few soft waves that stain the paper unevenly; 0 is clean, 1 is stained. */
function stains(random: Random): (x: number, y: number) => number {
  const waves = Array.from({ length: 4 }, () => ({
    fx: (random() - 0.5) * 9,
    fy: (random() - 0.5) * 9,
    phase: random() * 2 * PI,
  }));
  return (x, y) => {
    const sum = waves.reduce((total, { fx, fy, phase }) => total + sin(fx * x + fy * y + phase), 0);
    return max(0, sum / 4) ** 1.5;
  };
}

/** What hands and drawers did: scratches, dust, hairs and one crease, as SVG over the print. */
function damageSvg({ width, height }: Size, random: Random): string {
  const scale = min(width, height) / 512;
  const between = (from: number, to: number) => from + random() * (to - from);
  const bright = '#f4ecd4';
  const dark = '#2e2114';

  const scratch = () => {
    const x = between(0.03, 0.97) * width;
    const from = between(-0.1, 0.6) * height;
    const length = between(0.25, 0.8) * height;
    const drift = between(-0.1, 0.1) * length;
    const bow = between(-4, 4) * scale;
    const d = `M${x},${from} q${drift / 2 + bow},${length / 2} ${drift},${length}`;
    return stroke(d, random() < 0.8 ? bright : dark, between(0.8, 1.9) * scale, between(0.5, 0.9));
  };
  const speck = () => {
    const r = between(0.6, 1.9) * scale;
    const at = `cx="${between(0, width)}" cy="${between(0, height)}" rx="${r}" ry="${r * between(0.6, 1.4)}"`;
    return `<ellipse ${at} fill="${random() < 0.7 ? bright : dark}" opacity="${between(0.5, 0.95)}"/>`;
  };
  const hair = () => {
    const curl = () => between(-16, 16) * scale;
    const d = `M${between(0, width)},${between(0, height)} q${curl()},${curl()} ${curl()},${curl()}`;
    return stroke(d, bright, scale, between(0.5, 0.8));
  };
  const crease = () => {
    const from = between(0.62, 0.8) * height;
    const to = from + between(-0.12, 0.12) * height;
    const steps = 24;
    const points = Array.from({ length: steps + 1 }, (_, i) => {
      const y = from + ((to - from) * i) / steps + between(-0.9, 0.9) * scale;
      return `${(width * i) / steps},${y}`;
    });
    const d = `M${points.join(' L')}`;
    const shadow = `<g transform="translate(0 ${1.8 * scale})">${stroke(d, dark, 2 * scale, 0.25)}</g>`;
    return shadow + stroke(d, bright, 2 * scale, 0.85);
  };
  const many = (count: number, draw: () => string) => Array.from({ length: count }, draw).join('');
  const marks = many(9, scratch) + many(110, speck) + many(5, hair) + crease();
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${marks}</svg>`;
}

function stroke(d: string, colour: string, width: number, opacity: number): string {
  const look = `stroke="${colour}" stroke-width="${width}" opacity="${opacity}"`;
  return `<path d="${d}" fill="none" stroke-linecap="round" ${look}/>`;
}

const clamp = (value: number) => max(0, min(255, round(value)));

/** One normally distributed number, mean 0, deviation 1 (Box–Muller). */
function gaussian(random: Random): number {
  return sqrt(-2 * log(1 - random())) * cos(2 * PI * random());
}

function createRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = imul(state ^ (state >>> 15), 1 | state);
    t = (t + imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
