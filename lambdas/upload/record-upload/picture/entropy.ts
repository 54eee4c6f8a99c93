/**
 * The entropy-coded bytes of a JPEG's scan, as bits: without stuffed zeros and fill bytes, up to
 * the next marker.
 */
import { type Bytes, unread } from './bytes.ts';

export type Bits = {
  readonly view: DataView;
  /** The next bit, counted from the beginning of `view`. */
  at: number;
  /** Behind the last bit at hand. */
  end: number;
  /**
   * What the bits end with: a marker's second byte, 0 for the end of the file; undefined while more
   * bits may come.
   */
  marker: number | undefined;
  /** Bytes of the scan so far. */
  bytes: number;
};

/**
 * No MCU needs more: 10 blocks of a DC code with its value (16 + 15 bits) and 63 AC codes with
 * theirs are 2,480 bytes. As many lie behind the bits at hand, so that the last MCU may be read
 * beyond them, and found too long afterwards.
 */
export const marginBits = 2500 * 8;
const capacity = 65_536;

export const createBits = (): Bits => ({
  view: new DataView(new ArrayBuffer(capacity + marginBits / 8 + 4)),
  at: 0,
  end: 0,
  marker: 0,
  bytes: 0,
});

/** Begins behind a marker: no bits are at hand. */
export function restartBits(bits: Bits): void {
  bits.at = 0;
  bits.end = 0;
  bits.marker = undefined;
}

/**
 * Moves bytes from the file to the bits, until those are full, a marker ends them, or the file's
 * bytes at hand are used up.
 */
function transfer(bits: Bits, input: Bytes): void {
  const target = new Uint8Array(bits.view.buffer, 0, capacity);
  const used = bits.at >>> 3;
  target.copyWithin(0, used, bits.end >>> 3);
  const kept = (bits.end >>> 3) - used;
  bits.at &= 7;
  let end = kept;
  const { data } = input;
  let { at } = input;
  while (end < capacity && at < data.length) {
    const byte = data[at] ?? 0;
    if (byte !== 0xff) {
      target[end++] = byte;
      at++;
      continue;
    }
    const next = data[at + 1];
    if (next === undefined) break;
    at += next === 0xff ? 1 : 2;
    if (next === 0) target[end++] = 0xff;
    else if (next !== 0xff) {
      bits.marker = next;
      break;
    }
  }
  input.at = at;
  bits.bytes += end - kept;
  bits.end = end * 8;
}

/** Gets bits from what is in memory; whether an MCU can be read now, or a marker has come. */
export function fill(bits: Bits, input: Bytes): boolean {
  if (bits.marker === undefined && bits.at + marginBits > bits.end) transfer(bits, input);
  return bits.marker !== undefined || bits.at + marginBits <= bits.end;
}

/** As `fill`, with as much of the file as that takes. */
export async function refill(bits: Bits, input: Bytes): Promise<void> {
  while (!fill(bits, input)) {
    await input.more(unread(input) + 1);
    // A last FF alone is half a marker.
    if (input.ended && unread(input) <= 1) {
      transfer(bits, input);
      bits.marker ??= 0;
    }
  }
}
