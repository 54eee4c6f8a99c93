/** Scratches, creases, hairs and dust: where they are, and what was there before. */
import {
  at,
  boxMean,
  luminance,
  mapPicture,
  type Picture,
  type Plane,
  plane,
  throughSharp,
  transpose,
} from './plane.ts';

/** 1 where the print is damaged, 0 elsewhere. */
export type Mask = Uint8Array;

/** Finds thin long lines and small specks that differ from what surrounds them. */
export async function findDefects(picture: Picture): Promise<Mask> {
  const grey = luminance(picture);
  const scale = Math.max(1, Math.min(grey.width, grey.height) / 512);
  const odd = (size: number) => 2 * Math.round((size * scale) / 2) + 1;
  const around = await throughSharp(grey, (image) => image.median(odd(7)));
  const excess = plane(grey, (i) => at(grey.values, i) - at(around.values, i));
  const texture = roughness(around, Math.round(3 * scale));
  const marks: Mask = new Uint8Array(grey.values.length);
  for (const sign of [1, -1]) {
    const ridge = plane(excess, (i) => sign * at(excess.values, i));
    markLines(ridge, texture, odd(90), marks);
    markSpecks(ridge, texture, marks);
  }
  return grow(onlyThin(marks, grey, scale), grey, Math.round(scale));
}

/** Without what is too wide for a scratch: the leg of a tripod has a light and a dark side, too, and is no damage. */
function onlyThin(marks: Mask, size: Plane, scale: number): Mask {
  const share = boxMean({ ...size, values: Float32Array.from(marks) }, Math.round(4 * scale));
  const wide = plane(share, (i) => (at(share.values, i) > 0.5 ? 1 : 0));
  const nearby = boxMean(wide, Math.round(20 * scale));
  return marks.map((marked, i) => (at(nearby.values, i) > 0.1 ? 0 : marked));
}

/** Standard deviation of the surroundings: high at edges, in hair and eyes, where only the plainest defect may be touched. */
function roughness(around: Plane, radius: number): Plane {
  const mean = boxMean(around, radius);
  const square = boxMean(
    plane(around, (i) => at(around.values, i) ** 2),
    radius,
  );
  return plane(around, (i) => Math.sqrt(Math.max(0, at(square.values, i) - at(mean.values, i) ** 2)));
}

/** Dust: sticks out of its surroundings much more than they vary themselves. */
function markSpecks(ridge: Plane, texture: Plane, mask: Mask): void {
  for (let i = 0; i < mask.length; i++) {
    if (at(ridge.values, i) > 48 + 2.5 * at(texture.values, i)) mask[i] = 1;
  }
}

/**
 * Scratches: a pixel of a scratch stands out little more than grain does, but so do its neighbours along one straight line, and
 * nothing else in a photograph is as thin, long and straight. Each pixel votes, −1 to 1, and less where the photograph is rough;
 * the mean vote along `length` pixels is taken in 48 directions.
 */
function markLines(ridge: Plane, texture: Plane, length: number, mask: Mask): void {
  const steps = 24;
  const votes = plane(ridge, (i) => {
    const vote = Math.max(-1, Math.min(1, at(ridge.values, i) / 30));
    return vote / (1 + (at(texture.values, i) / 30) ** 2);
  });
  const turned = transpose(votes);
  const mark = (i: number, mean: number) => {
    if (mean > 0.4 && at(ridge.values, i) > 10) mask[i] = 1;
  };
  for (let step = -steps / 2; step < steps / 2; step++) {
    const slope = (2 * step) / steps;
    eachLine(votes, slope, length, mark);
    eachLine(turned, slope, length, (i, mean) => {
      mark((i % ridge.height) * ridge.width + Math.floor(i / ridge.height), mean);
    });
  }
}

/** Walks every line of a slope (columns per row, −1 to 1) from top to bottom with the mean of its `length` pixels around each. */
function eachLine(
  from: Plane,
  slope: number,
  length: number,
  visit: (i: number, mean: number) => void,
): void {
  const { width, height, values } = from;
  const half = (length - 1) / 2;
  const reach = Math.ceil(Math.abs(slope) * height);
  for (let start = -reach; start < width + reach; start++) {
    const index = (y: number) => {
      const x = start + Math.round(slope * y);
      return y < 0 || y >= height || x < 0 || x >= width ? -1 : y * width + x;
    };
    let sum = 0;
    for (let y = 0; y < height + half; y++) {
      const enters = index(y);
      const leaves = index(y - length);
      if (enters >= 0) sum += at(values, enters);
      if (leaves >= 0) sum -= at(values, leaves);
      const middle = index(y - half);
      if (middle >= 0) visit(middle, sum / length);
    }
  }
}

/** The mask with `radius` pixels more all around, to take soft edges along. */
function grow(mask: Mask, { width, height }: Plane, radius: number): Mask {
  const near = boxMean({ width, height, values: Float32Array.from(mask) }, radius);
  return Uint8Array.from(near.values, (share) => (share > 1e-4 ? 1 : 0));
}

/** Fills what is masked from around it: from the rim inwards, each pixel the mean of its sound or already filled neighbours. */
export function inpaint(picture: Picture, mask: Mask): Picture {
  return mapPicture(picture, (from) => fill(from, mask));
}

function fill(from: Plane, mask: Mask): Plane {
  const values = from.values.slice();
  const open = Uint8Array.from(mask);
  let rim = [...open.keys()].filter((i) => open[i] === 1);
  while (rim.length > 0) {
    const filled = rim
      .map((i) => [i, soundMean(from, values, open, i)] as const)
      .filter((pair): pair is readonly [number, number] => pair[1] !== undefined);
    if (filled.length === 0) break;
    for (const [i, mean] of filled) {
      values[i] = mean;
      open[i] = 0;
    }
    rim = rim.filter((i) => open[i] === 1);
  }
  return { ...from, values };
}

function soundMean(
  { width, height }: Plane,
  values: Float32Array,
  open: Mask,
  i: number,
): number | undefined {
  const x = i % width;
  const y = (i - x) / width;
  let sum = 0;
  let weight = 0;
  for (let ny = Math.max(0, y - 2); ny <= Math.min(height - 1, y + 2); ny++) {
    for (let nx = Math.max(0, x - 2); nx <= Math.min(width - 1, x + 2); nx++) {
      const n = ny * width + nx;
      if (open[n] === 1) continue;
      const w = 1 / ((nx - x) ** 2 + (ny - y) ** 2 || 1);
      sum += w * at(values, n);
      weight += w;
    }
  }
  return weight > 0 ? sum / weight : undefined;
}
