/** The bits of a lossless image of WebP, and its prefix codes (RFC 9649, 3.7.2.1). */
import { damaged } from './refused.ts';

/** Bits from the least significant of each byte on. The bytes have eight more behind their end. */
export type Bits = { view: DataView; at: number; end: number };

/** @param count 0 to 24 */
export function read(bits: Bits, count: number): number {
  if (bits.at + count > bits.end) throw damaged('image data that end before the image');
  const value = (bits.view.getUint32(bits.at >>> 3, true) >>> (bits.at & 7)) & ((1 << count) - 1);
  bits.at += count;
  return value;
}

/**
 * A prefix code of at most 15 bits. `table` is looked up by the next bits: a symbol times 16 plus
 * its length; 0 for codes that are longer than the table tells apart, which are found among
 * `sorted` by counting.
 */
export type Code = { table: Uint16Array; mask: number; counts: Uint16Array; sorted: Uint16Array };

const tableBits = 9;

/** Of all tables of an image: encoders make a few thousand codes, a bomb 300,000. */
const mostEntries = 1 << 23;
/** What a code takes beside its table, in entries. */
const codeEntries = 32;
export type Budget = { entries: number };
export const createBudget = (): Budget => ({ entries: mostEntries });

const reversed = (code: number, length: number) => {
  let result = 0;
  for (let n = 0; n < length; n++) result |= ((code >>> n) & 1) << (length - 1 - n);
  return result;
};

/** @param lengths of the code of each symbol, 0 for none */
function codeOf(lengths: Uint8Array, budget: Budget): Code {
  const counts = new Uint16Array(16);
  for (const length of lengths) if (length > 0) counts[length] = (counts[length] ?? 0) + 1;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const used = counts.reduce((sum, count, length) => sum + count * 2 ** -length, 0);
  // One symbol alone takes no bits at all; more must use up every code.
  if (total === 0 || (total > 1 && used !== 1)) throw damaged('a prefix code that is none');
  const longest = total === 1 ? 0 : counts.findLastIndex((count) => count > 0);
  const size = 1 << Math.min(longest, tableBits);
  budget.entries -= size + codeEntries;
  if (budget.entries < 0) throw damaged('prefix codes without number');
  const table = new Uint16Array(size);
  const sorted = new Uint16Array(total);
  if (longest === 0) table[0] = lengths.findIndex((length) => length > 0) << 4;
  let next = 0;
  let place = 0;
  for (let length = 1; length <= longest; length++, next <<= 1) {
    for (let symbol = lengths.indexOf(length); symbol !== -1; symbol = lengths.indexOf(length, symbol + 1)) {
      sorted[place++] = symbol;
      const from = length <= tableBits ? reversed(next, length) : size;
      for (let at = from; at < size; at += 1 << length) table[at] = (symbol << 4) | length;
      next++;
    }
  }
  return { table, mask: size - 1, counts, sorted };
}

/**
 * The next symbol; bits behind the end read as whatever there is, so `at` is to be compared with
 * `end` now and then.
 */
export function symbolOf(bits: Bits, { table, mask, counts, sorted }: Code): number {
  const window = bits.view.getUint32(bits.at >>> 3, true) >>> (bits.at & 7);
  const entry = table[window & mask] ?? 0;
  if ((entry & 15) > 0 || mask === 0) {
    bits.at += entry & 15;
    return entry >>> 4;
  }
  let code = 0;
  let first = 0;
  let place = 0;
  for (let length = 1; length <= 15; length++) {
    code = (code << 1) | ((window >>> (length - 1)) & 1);
    const count = counts[length] ?? 0;
    if (code - first < count) {
      bits.at += length;
      return sorted[place + code - first] ?? 0;
    }
    place += count;
    first = (first + count) << 1;
  }
  throw damaged('bits that are no prefix code');
}

/** The order in which the lengths of the lengths' own codes come. */
const lengthOrder = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

function readLengths(bits: Bits, lengths: Uint8Array, budget: Budget): void {
  const own = new Uint8Array(19);
  const count = 4 + read(bits, 4);
  for (const symbol of lengthOrder.slice(0, count)) own[symbol] = read(bits, 3);
  const code = codeOf(own, budget);
  let left = read(bits, 1) ? 2 + read(bits, 2 + 2 * read(bits, 3)) : lengths.length;
  if (left > lengths.length) throw damaged('more lengths than symbols');
  let before = 8;
  for (let symbol = 0; symbol < lengths.length && left > 0; left--) {
    const length = symbolOf(bits, code);
    if (length < 16) {
      lengths[symbol++] = length;
      if (length > 0) before = length;
      continue;
    }
    const times = length === 16 ? 3 + read(bits, 2) : length === 17 ? 3 + read(bits, 3) : 11 + read(bits, 7);
    if (symbol + times > lengths.length) throw damaged('more lengths than symbols');
    if (length === 16) lengths.fill(before, symbol, symbol + times);
    symbol += times;
  }
}

/** @param size of the alphabet */
export function readCode(bits: Bits, size: number, budget: Budget): Code {
  const lengths = new Uint8Array(Math.max(size, 256));
  if (read(bits, 1)) {
    const both = read(bits, 1);
    lengths[read(bits, read(bits, 1) ? 8 : 1)] = 1;
    if (both) lengths[read(bits, 8)] = 1;
  } else readLengths(bits, lengths.subarray(0, size), budget);
  return codeOf(lengths.subarray(0, size), budget);
}
