/**
 * Reads the blocks of a scan for what they must be, not for what they show: each code must exist,
 * each coefficient have its place. Every reader goes on for at most `units` MCUs, stops where bits
 * run low, and says how many it has read.
 */
import { type Bits, marginBits } from './entropy.ts';
import type { HuffmanTable } from './huffman.ts';
import { damaged } from './refused.ts';

/** One block of an MCU: its tables, and where its component's last DC value is kept. */
export type Block = { dc: HuffmanTable; ac: HuffmanTable; predictor: number };

/** What a scan remembers from MCU to MCU, until a restart. */
export type Progress = {
  /** By component of the scan. */
  predictors: Int32Array;
  /** Blocks still to come that end where their band begins. */
  endOfBand: number;
  /** Blocks of the scan so far. */
  block: number;
};

const badCode = () => damaged('bits that are no Huffman code');
const tooFar = () => damaged('a coefficient behind the last');

/** The next `count` bits, 1 to 16, without passing over them. */
const peek = (view: DataView, at: number, count: number) =>
  (view.getUint32(at >>> 3) << (at & 7)) >>> (32 - count);

/** Up to where an MCU may begin. */
const lastStart = ({ end, marker }: Bits) => (marker === undefined ? end - marginBits : end);

/**
 * 8-bit samples give DC values of ± 1,024 after quantisation by 1; a predictor eight times as far
 * off has added up noise. Zeros and junk read as codes do that where they do not break one.
 */
const farthest = 8192;

/** The DC value that stands at `at`, whose size is known. */
function difference(view: DataView, at: number, size: number): number {
  if (size === 0) return 0;
  const value = peek(view, at, size);
  return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

/** Whole blocks of a baseline or extended picture. */
export function readBlocks(bits: Bits, mcu: Block[], { predictors }: Progress, units: number): number {
  const { view } = bits;
  const last = lastStart(bits);
  let { at } = bits;
  let done = 0;
  for (; done < units && at <= last; done++) {
    for (const { dc, ac, predictor } of mcu) {
      const first = dc[peek(view, at, 16)] ?? 0;
      const size = first >>> 8;
      if (first === 0 || size > 12) throw badCode();
      at += first & 255;
      const value = (predictors[predictor] ?? 0) + difference(view, at, size);
      if (value > farthest || value < -farthest) throw damaged('a brightness that there is not');
      predictors[predictor] = value;
      at += size;
      for (let k = 1; k < 64; ) {
        const code = ac[(view.getUint32(at >>> 3) << (at & 7)) >>> 16] ?? 0;
        const bitsMore = (code >>> 8) & 15;
        at += (code & 255) + bitsMore;
        if (bitsMore > 0) k += (code >>> 12) + 1;
        else if (code >>> 8 === 0xf0) k += 16;
        else if (code >>> 8 === 0 && code !== 0) break;
        else throw badCode();
        if (k > 64) throw tooFar();
      }
    }
  }
  bits.at = at;
  return done;
}

/** The first bits of the DC coefficients of a progressive picture. */
export function readDcFirst(bits: Bits, mcu: Block[], { predictors }: Progress, units: number): number {
  const { view } = bits;
  const last = lastStart(bits);
  let { at } = bits;
  let done = 0;
  for (; done < units && at <= last; done++) {
    for (const { dc, predictor } of mcu) {
      const code = dc[peek(view, at, 16)] ?? 0;
      const size = code >>> 8;
      if (code === 0 || size > 12) throw badCode();
      at += code & 255;
      const value = (predictors[predictor] ?? 0) + difference(view, at, size);
      if (value > farthest || value < -farthest) throw damaged('a brightness that there is not');
      predictors[predictor] = value;
      at += size;
    }
  }
  bits.at = at;
  return done;
}

/**
 * One more bit of each DC coefficient: nothing that could be wrong, but that they must be there.
 */
export function readDcMore(bits: Bits, mcu: Block[], _progress: Progress, units: number): number {
  const last = lastStart(bits);
  const fitting = last < bits.at ? 0 : Math.floor((last - bits.at) / mcu.length) + 1;
  const done = Math.min(units, fitting);
  bits.at += done * mcu.length;
  return done;
}

export type Band = { from: number; to: number; nonZero: Uint32Array };

/** The first bits of a band of AC coefficients. */
export function readAcFirst(
  bits: Bits,
  ac: HuffmanTable,
  { from, to, nonZero }: Band,
  progress: Progress,
  units: number,
): number {
  const { view } = bits;
  const last = lastStart(bits);
  let { at } = bits;
  let done = 0;
  while (done < units) {
    const skipped = Math.min(progress.endOfBand, units - done);
    progress.endOfBand -= skipped;
    done += skipped;
    if (done === units || at > last) break;
    const words = 2 * (progress.block + done);
    for (let k = from; k <= to; k++) {
      const code = ac[peek(view, at, 16)] ?? 0;
      if (code === 0) throw badCode();
      at += code & 255;
      const run = code >>> 12;
      const size = (code >>> 8) & 15;
      if (size > 0) {
        k += run;
        if (k > to) throw tooFar();
        at += size;
        nonZero[words + (k >>> 5)] = (nonZero[words + (k >>> 5)] ?? 0) | (1 << (k & 31));
      } else if (run === 15) k += 15;
      else {
        progress.endOfBand = (1 << run) - 1 + (run > 0 ? peek(view, at, run) : 0);
        at += run;
        break;
      }
    }
    done++;
  }
  progress.block += done;
  bits.at = at;
  return done;
}

/**
 * One more bit of a band of AC coefficients (T.81, G.1.2.3): those that were not zero get theirs
 * wherever a run passes them.
 */
export function readAcMore(
  bits: Bits,
  ac: HuffmanTable,
  { from, to, nonZero }: Band,
  progress: Progress,
  units: number,
): number {
  const { view } = bits;
  const last = lastStart(bits);
  let { at } = bits;
  let done = 0;
  for (; done < units && at <= last; done++) {
    const words = 2 * (progress.block + done);
    let low = nonZero[words] ?? 0;
    let high = nonZero[words + 1] ?? 0;
    let k = from;
    while (progress.endOfBand === 0 && k <= to) {
      const code = ac[peek(view, at, 16)] ?? 0;
      const size = (code >>> 8) & 15;
      if (code === 0 || size > 1) throw badCode();
      at += (code & 255) + size;
      let run = code >>> 12;
      if (size === 0 && run < 15) {
        progress.endOfBand = (1 << run) + (run > 0 ? peek(view, at, run) : 0);
        at += run;
        break;
      }
      for (; k <= to; k++) {
        if (isSet(low, high, k)) at++;
        else if (run-- === 0) break;
      }
      if (size === 1) {
        if (k > to) throw tooFar();
        if (k < 32) low |= 1 << k;
        else high |= 1 << (k & 31);
      }
      k++;
    }
    if (progress.endOfBand > 0) {
      progress.endOfBand--;
      at += countSet(low, high, k, to);
    }
    nonZero[words] = low;
    nonZero[words + 1] = high;
  }
  progress.block += done;
  bits.at = at;
  return done;
}

const isSet = (low: number, high: number, k: number) => ((k < 32 ? low >>> k : high >>> (k & 31)) & 1) === 1;

function countSet(low: number, high: number, from: number, to: number): number {
  if ((low | high) === 0) return 0;
  // In a few steps whatever the band: a refinement asks for it with each block.
  const below = (k: number) => (k >= 32 ? 0xffffffff : 2 ** k - 1);
  const word = (bits: number, first: number) =>
    ones(bits & below(Math.max(0, to + 1 - first)) & ~below(Math.max(0, from - first)));
  return word(low, 0) + word(high, 32);
}

/** How many bits of 32 are set. */
function ones(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
