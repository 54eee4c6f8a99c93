/** JPEG's Huffman codes (ITU T.81, annex C), as tables that are looked up by the next 16 bits. */
import { damaged } from './refused.ts';

/**
 * By 16 bits: the symbol that they begin with, times 256, plus the length of its code; 0 where
 * there is none.
 */
export type HuffmanTable = Uint16Array;

/** As a DHT segment has it: 16 counts of codes by length, then the symbols. */
export type HuffmanCode = { counts: Uint8Array; symbols: Uint8Array };

/**
 * 128 kB and about 20 µs: made when a scan uses it, so that a file of nothing but DHT segments
 * costs nothing.
 */
export function huffmanTable({ counts, symbols }: HuffmanCode): HuffmanTable {
  const table = new Uint16Array(65_536);
  let from = 0;
  let index = 0;
  counts.forEach((count, shorter) => {
    const length = shorter + 1;
    const width = 1 << (16 - length);
    for (let left = count; left > 0; left--) {
      if (from + width > table.length) throw damaged('more Huffman codes than there are');
      table.fill(((symbols[index++] ?? 0) << 8) | length, from, from + width);
      from += width;
    }
  });
  return table;
}
