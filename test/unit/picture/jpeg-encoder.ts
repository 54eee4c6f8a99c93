/**
 * Writes JPEGs of a kind that no encoder at hand makes: restart markers, scans apart, odd
 * samplings. What they show is noise.
 */

export type JpegShape = {
  width?: number;
  height?: number;
  /** `[across, down]` of each component. */
  sampling?: [number, number][];
  /** MCUs between restart markers; 0 for none. */
  interval?: number;
  /** A scan for each component instead of one for all. */
  apart?: boolean;
  seed?: number;
};

/** Numbers from 0 to below 2³², the same for the same seed (xorshift). */
export function noise(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state;
  };
}

export function segment(marker: number, ...body: (number | Uint8Array | number[])[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => Buffer.from(typeof part === 'number' ? [part] : part)));
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(bytes.length + 2, 2);
  return Buffer.concat([head, bytes]);
}

/** Every symbol has a code of 8 bits, which is its place in this list. */
const dcSymbols = [0, 1, 2, 3, 4];
const acSymbols = [0x00, 0xf0, 0x01, 0x02, 0x11, 0x21, 0x31, 0x12];
const codes = (which: number, symbols: number[]) =>
  segment(0xc4, which, [0, 0, 0, 0, 0, 0, 0, symbols.length, 0, 0, 0, 0, 0, 0, 0, 0], symbols);

type Bit = [value: number, count: number];

/**
 * The bits of one block: a DC difference and a few AC coefficients. `balance` keeps the sum of the
 * differences near zero.
 */
function blockBits(next: () => number, balance: { value: number }): Bit[] {
  const sign = balance.value > 0 ? 0 : 1;
  balance.value += sign ? 1 : -1;
  const bits: Bit[] = [
    [1, 8],
    [sign, 1],
  ];
  for (let k = 1; k < 40; ) {
    const index = 2 + (next() % (acSymbols.length - 2));
    const symbol = acSymbols[index] ?? 0;
    k += (symbol >> 4) + 1;
    bits.push([index, 8], [next() & ((1 << (symbol & 15)) - 1), symbol & 15]);
  }
  bits.push([0, 8]);
  return bits;
}

/** Filled up with ones, with a zero behind each FF. */
function pack(bits: Bit[]): Buffer {
  const text = bits.map(([value, count]) => (count ? value.toString(2).padStart(count, '0') : '')).join('');
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8, '1');
  const bytes = (padded.match(/.{8}/g) ?? []).flatMap((byte) => {
    const value = Number.parseInt(byte, 2);
    return value === 0xff ? [0xff, 0] : [value];
  });
  return Buffer.from(bytes);
}

export function encodeJpeg(shape: JpegShape = {}): Buffer {
  const { width = 80, height = 64, sampling = [[1, 1]], interval = 0, apart = false, seed = 1 } = shape;
  const next = noise(seed);
  const widest = Math.max(...sampling.map(([across]) => across));
  const highest = Math.max(...sampling.map(([, down]) => down));
  const scanOf = (ids: number[]) => {
    const alone = ids.length === 1;
    const [across, down] = sampling[ids[0] ?? 0] ?? [1, 1];
    const units = alone
      ? Math.ceil((width * across) / widest / 8) * Math.ceil((height * down) / highest / 8)
      : Math.ceil(width / 8 / widest) * Math.ceil(height / 8 / highest);
    const blocks = alone
      ? 1
      : ids.reduce((sum, id) => sum + (sampling[id] ?? [1, 1]).reduce((a, b) => a * b), 0);
    const balance = { value: 0 };
    const parts = [
      segment(
        0xda,
        ids.length,
        ids.flatMap((id) => [id + 1, 0]),
        [0, 63, 0],
      ),
    ];
    for (let unit = 0; unit < units; unit += interval || units) {
      if (unit > 0) parts.push(Buffer.from([0xff, 0xd0 + ((unit / interval - 1) & 7)]));
      const here = Math.min(interval || units, units - unit);
      balance.value = 0;
      parts.push(pack(Array.from({ length: here * blocks }, () => blockBits(next, balance)).flat()));
    }
    return Buffer.concat(parts);
  };
  const all = sampling.map((_, id) => id);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, 0, Buffer.alloc(64, 1)),
    segment(
      0xc0,
      [8, height >> 8, height & 255, width >> 8, width & 255, sampling.length],
      sampling.flatMap(([across, down], id) => [id + 1, (across << 4) | down, 0]),
    ),
    codes(0x00, dcSymbols),
    codes(0x10, acSymbols),
    ...(interval ? [segment(0xdd, [interval >> 8, interval & 255])] : []),
    ...(apart ? all.map((id) => scanOf([id])) : [scanOf(all)]),
    Buffer.from([0xff, 0xd9]),
  ]);
}
