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

/** Shorter side at which damage is looked for: finer than this a scratch is not, and the search takes its time. */
const searchSide = 640;

/** Finds thin long lines and small specks that differ from what surrounds them. */
export async function findDefects(picture: Picture): Promise<Mask> {
  const whole = luminance(picture);
  const shrink = Math.max(1, Math.min(whole.width, whole.height) / searchSide);
  const grey = await resized(whole, whole.width / shrink, whole.height / shrink);
  const found = await resized(await findIn(grey), whole.width, whole.height);
  return Uint8Array.from(found.values, (value) => (value > 60 ? 1 : 0));
}

async function resized(from: Plane, width: number, height: number): Promise<Plane> {
  const to = { width: Math.round(width), height: Math.round(height) };
  if (to.width === from.width && to.height === from.height) return from;
  return throughSharp(from, (image) => image.resize({ ...to, fit: 'fill', kernel: 'linear' }));
}

/** 255 where it is damaged. */
async function findIn(grey: Plane): Promise<Plane> {
  const scale = Math.max(1, Math.min(grey.width, grey.height) / 512);
  const odd = (size: number) => 2 * Math.round((size * scale) / 2) + 1;
  const around = await throughSharp(grey, (image) => image.median(odd(7)));
  const excess = plane(grey, (i) => at(grey.values, i) - at(around.values, i));
  const texture = roughness(around, Math.round(3 * scale));
  const marks: Mask = new Uint8Array(grey.values.length);
  markLines(excess, texture, odd(90), marks);
  markSpecks(excess, texture, marks);
  const grown = grow(onlyThin(marks, grey, scale), grey, Math.round(scale));
  return plane(grey, (i) => 255 * at(grown, i));
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
function markSpecks(excess: Plane, texture: Plane, marks: Mask): void {
  for (let i = 0; i < marks.length; i++) {
    if (Math.abs(at(excess.values, i)) > 48 + 2.5 * at(texture.values, i)) marks[i] = 1;
  }
}

/**
 * Scratches: a pixel of a scratch stands out little more than grain does, but so do its neighbours along one straight line, and
 * nothing else in a photograph is as thin, long and straight. Each pixel votes, from −1 (darker than around it) to 1 (lighter), and
 * less where the photograph is rough; the mean vote along `length` pixels is taken in 48 directions.
 */
function markLines(excess: Plane, texture: Plane, length: number, marks: Mask): void {
  const steps = 24;
  const votes = plane(excess, (i) => {
    const vote = Math.max(-1, Math.min(1, at(excess.values, i) / 30));
    return vote / (1 + (at(texture.values, i) / 30) ** 2);
  });
  const turned = transpose(votes);
  const mark = (i: number, mean: number) => {
    const agreed = mean > 0.4 ? 1 : mean < -0.4 ? -1 : 0;
    if (agreed * at(excess.values, i) > 10) marks[i] = 1;
  };
  for (let step = -steps / 2; step < steps / 2; step++) {
    const slope = (2 * step) / steps;
    eachLine(votes, slope, length, mark);
    eachLine(turned, slope, length, (i, mean) => {
      mark((i % excess.height) * excess.width + Math.floor(i / excess.height), mean);
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
  const shifts = Int32Array.from({ length: height }, (_, y) => Math.round(slope * y) + y * width);
  const columns = Int32Array.from({ length: height }, (_, y) => Math.round(slope * y));
  const reach = Math.ceil(Math.abs(slope) * height);
  for (let start = -reach; start < width + reach; start++) {
    // Columns move one way only, so that the rows where the line is inside follow each other.
    const inside = (y: number) => start + at(columns, y) >= 0 && start + at(columns, y) < width;
    let top = 0;
    while (top < height && !inside(top)) top++;
    let bottom = top;
    while (bottom < height && inside(bottom)) bottom++;
    let sum = 0;
    for (let y = top; y < bottom + half; y++) {
      if (y < bottom) sum += at(values, start + at(shifts, y));
      if (y - length >= top) sum -= at(values, start + at(shifts, y - length));
      if (y - half >= top) visit(start + at(shifts, y - half), sum / length);
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
