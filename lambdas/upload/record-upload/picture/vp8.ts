/**
 * Walks through a lossy image of WebP (RFC 6386, key frames only), without decoding a pixel.
 * Whatever bits there are mean something to this code, so what tells is their number: a sound image
 * uses up each of its partitions, and needs no more.
 */
import { damaged } from './refused.ts';
import { blockModes, defaultTokens, tokenUpdates } from './vp8-tables.ts';

/** The boolean entropy decoder (section 7), with up to 16 bits at hand beyond the 8 it compares. */
type Bools = { bytes: Uint8Array; at: number; value: number; range: number; bits: number };

const boolsOf = (bytes: Uint8Array): Bools => ({ bytes, at: 0, value: 0, range: 255, bits: -8 });

function bool(bools: Bools, probability: number): 0 | 1 {
  if (bools.bits < 0) {
    const { bytes, at } = bools;
    bools.value = (bools.value << 16) | ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    bools.at += 2;
    bools.bits += 16;
  }
  const split = 1 + (((bools.range - 1) * probability) >>> 8);
  const isSet = bools.value >>> bools.bits >= split;
  if (isSet) bools.value -= split << bools.bits;
  const range = isSet ? bools.range - split : split;
  const shift = Math.clz32(range) - 24;
  bools.range = range << shift;
  bools.bits -= shift;
  return isSet ? 1 : 0;
}

function literal(bools: Bools, count: number): number {
  let value = 0;
  for (let n = 0; n < count; n++) value = (value << 1) | bool(bools, 128);
  return value;
}

/** A value and its sign, where a flag says that there is one. */
function optional(bools: Bools, count: number): void {
  if (bool(bools, 128)) literal(bools, count + 1);
}

/**
 * Whether a partition was used up: libwebp ends it one or two bytes behind what is asked for,
 * libvpx four more.
 */
const mostBehind = 6;

function checkUsed({ bytes, at, bits }: Bools): void {
  const behind = bytes.length - at + (bits >> 3);
  if (behind < 0) throw damaged('image data that end before the image');
  if (behind > mostBehind) throw damaged('image data behind the image');
}

type Frame = {
  columns: number;
  rows: number;
  modes: Bools;
  partitions: Bools[];
  tokens: Uint8Array;
  /** Probabilities of the segments' tree, if each macroblock says its own. */
  segments: number[] | undefined;
  /** Probability that a macroblock has coefficients, if each says so. */
  skips: number | undefined;
};

/** Segments, loop filter (9.3, 9.6); of these only the tree of segments matters afterwards. */
function readSegments(bools: Bools): number[] | undefined {
  let tree: number[] | undefined;
  if (bool(bools, 128)) {
    const updatesMap = bool(bools, 128);
    if (bool(bools, 128)) {
      bool(bools, 128);
      for (let n = 0; n < 4; n++) optional(bools, 7);
      for (let n = 0; n < 4; n++) optional(bools, 6);
    }
    if (updatesMap) tree = [0, 1, 2].map(() => (bool(bools, 128) ? literal(bools, 8) : 255));
  }
  literal(bools, 1 + 6 + 3);
  if (bool(bools, 128) && bool(bools, 128)) for (let n = 0; n < 8; n++) optional(bools, 6);
  return tree;
}

/** The token partitions behind the first one (9.5). */
function splitPartitions(bytes: Uint8Array, count: number): Bools[] {
  let from = 3 * (count - 1);
  return Array.from({ length: count }, (_, index) => {
    const [low = 0, middle = 0, high = 0] = bytes.subarray(3 * index);
    const size = index < count - 1 ? low | (middle << 8) | (high << 16) : bytes.length - from;
    if (size < 0 || from + size > bytes.length) throw damaged('a partition that breaks off');
    from += size;
    return boolsOf(bytes.subarray(from - size, from));
  });
}

/** @param image from the frame's tag on */
function readFrame(image: Uint8Array, width: number, height: number): Frame {
  const [low = 0, middle = 0, high = 0] = image;
  const firstEnd = 10 + ((low | (middle << 8) | (high << 16)) >> 5);
  const modes = boolsOf(image.subarray(10, firstEnd));
  literal(modes, 2);
  const segments = readSegments(modes);
  const partitions = splitPartitions(image.subarray(firstEnd), 1 << literal(modes, 2));
  literal(modes, 7);
  for (let n = 0; n < 5; n++) optional(modes, 4);
  bool(modes, 128);
  const tokens = defaultTokens.map((token, index) =>
    bool(modes, tokenUpdates[index] ?? 0) ? literal(modes, 8) : token,
  );
  const skips = bool(modes, 128) ? literal(modes, 8) : undefined;
  const [columns, rows] = [Math.ceil(width / 16), Math.ceil(height / 16)];
  return { columns, rows, modes, partitions, tokens, segments, skips };
}

/**
 * Modes of 4 × 4 blocks, as a tree: steps to an index, or the mode where they are not above zero.
 */
const modeTree = [0, 1, -1, 2, -2, 3, 4, 6, -3, 5, -4, -5, -6, 7, -7, 8, -8, -9];
const [dc, trueMotion, vertical, horizontal] = [0, 1, 2, 3];

type Modes = { skipped: boolean; split: boolean };

/**
 * A macroblock's own header (8.1, 19.3).
 * @param above of the 4 columns of blocks, from `column` on
 */
function readModes(
  { modes, segments, skips }: Frame,
  above: Uint8Array,
  left: Uint8Array,
  column: number,
): Modes {
  if (segments) bool(modes, (bool(modes, segments[0] ?? 0) ? segments[2] : segments[1]) ?? 0);
  const skipped = skips !== undefined && bool(modes, skips) === 1;
  const split = !bool(modes, 145);
  if (split) {
    for (let y = 0; y < 4; y++) {
      let mode = left[y] ?? 0;
      for (let x = column; x < column + 4; x++) {
        const from = 90 * (above[x] ?? 0) + 9 * mode;
        let step = modeTree[bool(modes, blockModes[from] ?? 0)] ?? 0;
        while (step > 0) step = modeTree[2 * step + bool(modes, blockModes[from + step] ?? 0)] ?? 0;
        mode = -step;
        above[x] = mode;
      }
      left[y] = mode;
    }
  } else {
    const mode = bool(modes, 156)
      ? bool(modes, 128)
        ? trueMotion
        : horizontal
      : bool(modes, 163)
        ? vertical
        : dc;
    above.fill(mode, column, column + 4);
    left.fill(mode);
  }
  if (bool(modes, 142) && bool(modes, 114)) bool(modes, 183);
  return { skipped, split };
}

/**
 * Position in a block → band, times the 33 probabilities of a band; one more for who looks ahead.
 */
const bands = [0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0].map((band) => 33 * band);
/** Of the extra bits of the four largest categories of coefficients (13.2). */
const categories = [
  [173, 148, 140],
  [176, 155, 140, 135],
  [180, 157, 141, 134, 130],
  [254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129],
];

/** A coefficient above one (13.2). @param at of its probabilities */
function passLarge(bools: Bools, tokens: Uint8Array, at: number): void {
  if (!bool(bools, tokens[at + 3] ?? 0)) {
    if (bool(bools, tokens[at + 4] ?? 0)) bool(bools, tokens[at + 5] ?? 0);
  } else if (!bool(bools, tokens[at + 6] ?? 0)) {
    if (!bool(bools, tokens[at + 7] ?? 0)) bool(bools, 159);
    else {
      bool(bools, 165);
      bool(bools, 145);
    }
  } else {
    const high = bool(bools, tokens[at + 8] ?? 0);
    const category = 2 * high + bool(bools, tokens[at + 9 + high] ?? 0);
    for (const probability of categories[category] ?? []) bool(bools, probability);
  }
}

/** A block's coefficients from `first` on (13). @returns 1 if it has any */
function passBlock(bools: Bools, tokens: Uint8Array, type: number, context: number, first: number): 0 | 1 {
  const base = 264 * type;
  let at = base + (bands[first] ?? 0) + 11 * context;
  for (let n = first; n < 16; ) {
    if (!bool(bools, tokens[at] ?? 0)) return n > first ? 1 : 0;
    while (!bool(bools, tokens[at + 1] ?? 0)) {
      at = base + (bands[++n] ?? 0);
      if (n === 16) return 1;
    }
    const isLarge = bool(bools, tokens[at + 2] ?? 0);
    if (isLarge) passLarge(bools, tokens, at);
    bool(bools, 128);
    at = base + (bands[++n] ?? 0) + 11 * (1 + isLarge);
  }
  return 1;
}

/**
 * The blocks of a plane: which of those above and to the left have coefficients is each one's
 * context.
 */
type Edge = { above: Uint8Array; left: Uint8Array };

/** @param side blocks across and down */
function passPlane(
  bools: Bools,
  tokens: Uint8Array,
  { above, left }: Edge,
  { type, first, side, column }: { type: number; first: number; side: number; column: number },
): void {
  for (let y = 0; y < side; y++) {
    for (let x = side * column; x < side * column + side; x++) {
      const has = passBlock(bools, tokens, type, (above[x] ?? 0) + (left[y] ?? 0), first);
      above[x] = has;
      left[y] = has;
    }
  }
}

const edgeOf = (columns: number, side: number): Edge => ({
  above: new Uint8Array(columns * side),
  left: new Uint8Array(side),
});

/**
 * @param image a whole VP8 chunk, whose tag and sides have been looked at
 * @throws RefusedPicture `damaged`
 */
export function walkLossy(image: Uint8Array, { width, height }: { width: number; height: number }): void {
  const frame = readFrame(image, width, height);
  const { columns, rows, partitions, tokens } = frame;
  const above = new Uint8Array(4 * columns);
  const left = new Uint8Array(4);
  const planes = [4, 2, 2].map((side) => ({ side, ...edgeOf(columns, side) }));
  const sums = edgeOf(columns, 1);
  for (let row = 0; row < rows; row++) {
    const bools = partitions[row % partitions.length] ?? frame.modes;
    for (const edge of [...planes, sums]) edge.left.fill(0);
    left.fill(dc);
    for (let column = 0; column < columns; column++) {
      const { skipped, split } = readModes(frame, above, left, 4 * column);
      if (!skipped && !split) passPlane(bools, tokens, sums, { type: 1, first: 0, side: 1, column });
      else if (skipped && !split) {
        sums.above[column] = 0;
        sums.left[0] = 0;
      }
      planes.forEach((plane, index) => {
        const { side } = plane;
        if (skipped) {
          plane.above.fill(0, side * column, side * column + side);
          plane.left.fill(0);
        } else {
          const type = index > 0 ? 2 : split ? 3 : 0;
          passPlane(bools, tokens, plane, { type, first: type === 0 ? 1 : 0, side, column });
        }
      });
    }
    if (bools.at > bools.bytes.length + 64) break;
  }
  for (const bools of [frame.modes, ...partitions]) checkUsed(bools);
}
