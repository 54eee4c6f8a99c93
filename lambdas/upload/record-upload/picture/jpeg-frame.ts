/**
 * A JPEG's frame and scan headers (ITU T.81, B.2.2 and B.2.3), and how many blocks they promise.
 */
import { damaged, RefusedPicture } from './refused.ts';

export type Component = {
  id: number;
  /** Sampling factors, 1 to 4. */
  across: number;
  down: number;
  /** Blocks of 8 × 8 samples in a scan of this component alone. */
  blocks: number;
  /**
   * Of a progressive picture, two words a block: which of its coefficients are not zero so far, in
   * zigzag order.
   */
  nonZero: Uint32Array;
  /** A scan of its DC coefficients has been read. */
  seen: boolean;
};

export type Frame = {
  width: number;
  height: number;
  progressive: boolean;
  components: Component[];
  /** Of all components. */
  blocks: number;
};

/**
 * Part of a scan for one component: its blocks in an MCU, and the numbers of its Huffman tables.
 */
export type ScanComponent = { component: Component; dc: number; ac: number };

export type Scan = {
  components: ScanComponent[];
  /** How many MCUs it has. */
  units: number;
  /** The first and the last coefficient, in zigzag order. */
  from: number;
  to: number;
  /** Whether it sends another bit of coefficients that were sent before. */
  refines: boolean;
};

const rare = (why: string) => new RefusedPicture('rare_jpeg', why);

/** Every start of frame; DHT (c4), JPG (c8) and DAC (cc) have numbers between them. */
export const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Which SOFn are baseline, extended and progressive, Huffman-coded. */
const shown = [0xc0, 0xc1, 0xc2];

/** @throws RefusedPicture `damaged`; `rare_jpeg` for kinds that browsers do not show */
export function readFrame(marker: number, segment: Uint8Array): Frame {
  if (!shown.includes(marker)) throw rare(`SOF${marker & 15}: arithmetic, lossless or hierarchical`);
  const [bits = 0, h1 = 0, h0 = 0, w1 = 0, w0 = 0, count = 0] = segment;
  if (bits !== 8) throw rare(`${bits} bits a sample`);
  if (segment.length !== 6 + 3 * count) throw damaged('a frame header of a wrong length');
  if (count !== 1 && count !== 3 && count !== 4) throw rare(`${count} components`);
  const [width, height] = [(w1 << 8) | w0, (h1 << 8) | h0];
  const factors = Array.from({ length: count }, (_, index) => ({
    id: segment[6 + 3 * index] ?? 0,
    across: (segment[7 + 3 * index] ?? 0) >> 4,
    down: (segment[7 + 3 * index] ?? 0) & 15,
  }));
  if (factors.some(({ across, down }) => across < 1 || across > 4 || down < 1 || down > 4))
    throw damaged('a sampling factor that there is not');
  const [widest, highest] = largest(factors);
  const components = factors.map((factor) => ({
    ...factor,
    blocks: Math.ceil((width * factor.across) / widest / 8) * Math.ceil((height * factor.down) / highest / 8),
    nonZero: new Uint32Array(),
    seen: false,
  }));
  const blocks = components.reduce((sum, component) => sum + component.blocks, 0);
  return { width, height, progressive: marker === 0xc2, components, blocks };
}

const largest = (components: { across: number; down: number }[]): [number, number] => [
  Math.max(...components.map(({ across }) => across)),
  Math.max(...components.map(({ down }) => down)),
];

/** @throws RefusedPicture `damaged` */
export function readScan(frame: Frame, segment: Uint8Array): Scan {
  const [count = 0] = segment;
  if (count < 1 || count > 4 || segment.length !== 4 + 2 * count)
    throw damaged('a scan header of a wrong length');
  const components = Array.from({ length: count }, (_, index) => {
    const component = frame.components.find(({ id }) => id === segment[1 + 2 * index]);
    const tables = segment[2 + 2 * index] ?? 0;
    if (!component || tables >> 4 > 3 || (tables & 15) > 3) throw damaged('a scan of what there is not');
    return { component, dc: tables >> 4, ac: tables & 15 };
  });
  if (new Set(components.map(({ component }) => component)).size < count)
    throw damaged('a scan with a component twice');
  const [from = 0, to = 0, successive = 0] = segment.subarray(1 + 2 * count);
  const scan = { components, units: unitsOf(frame, components), from, to, refines: successive >> 4 > 0 };
  if (!frame.progressive) return { ...scan, from: 0, to: 63, refines: false };
  const wrongBand = from > to || to > 63 || (from === 0 ? to > 0 : count > 1);
  if (wrongBand || (scan.refines && successive >> 4 !== (successive & 15) + 1))
    throw damaged('a scan of no coefficients');
  return scan;
}

function unitsOf(frame: Frame, components: ScanComponent[]): number {
  const [first] = components;
  if (components.length === 1 && first) return first.component.blocks;
  const inUnit = components.reduce((sum, { component }) => sum + component.across * component.down, 0);
  // T.81, B.2.3; more would not fit the margin either.
  if (inUnit > 10) throw damaged('too many blocks in an MCU');
  const [widest, highest] = largest(frame.components);
  return Math.ceil(frame.width / (8 * widest)) * Math.ceil(frame.height / (8 * highest));
}
