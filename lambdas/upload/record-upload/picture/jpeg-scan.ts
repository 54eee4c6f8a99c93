/**
 * Walks through one scan of a JPEG, restart interval by restart interval, until every MCU was
 * there.
 */
import type { Bytes } from './bytes.ts';
import { type Bits, fill, refill, restartBits } from './entropy.ts';
import { type HuffmanCode, type HuffmanTable, huffmanTable } from './huffman.ts';
import {
  type Block,
  type Progress,
  readAcFirst,
  readAcMore,
  readBlocks,
  readDcFirst,
  readDcMore,
} from './jpeg-blocks.ts';
import type { Frame, Scan } from './jpeg-frame.ts';
import { damaged } from './refused.ts';

/** Huffman codes by their numbers, 0 to 3, as the segments before have defined them. */
export type Codes = { dc: (HuffmanCode | undefined)[]; ac: (HuffmanCode | undefined)[] };

type Reader = (progress: Progress, units: number) => number;

const none: HuffmanTable = new Uint16Array(65_536);

function tableOf(code: HuffmanCode | undefined): HuffmanTable {
  if (!code) throw damaged('a scan without its Huffman codes');
  return huffmanTable(code);
}

/** What reads the MCUs of this scan. */
function readerOf(bits: Bits, { progressive }: Frame, scan: Scan, codes: Codes): Reader {
  const { components, from, to, refines } = scan;
  const [first] = components;
  if (progressive && from > 0 && first) {
    const { component } = first;
    if (component.nonZero.length === 0) component.nonZero = new Uint32Array(2 * component.blocks);
    const band = { from, to, nonZero: component.nonZero };
    const table = tableOf(codes.ac[first.ac]);
    const read = refines ? readAcMore : readAcFirst;
    return (progress, units) => read(bits, table, band, progress, units);
  }
  const needsDc = !(progressive && refines);
  const mcu = components.flatMap(({ component, dc, ac }, predictor) => {
    component.seen = true;
    const block: Block = {
      dc: needsDc ? tableOf(codes.dc[dc]) : none,
      ac: progressive ? none : tableOf(codes.ac[ac]),
      predictor,
    };
    const blocks = components.length === 1 ? 1 : component.across * component.down;
    return Array<Block>(blocks).fill(block);
  });
  const read = progressive ? (refines ? readDcMore : readDcFirst) : readBlocks;
  return (progress, units) => read(bits, mcu, progress, units);
}

/**
 * The marker that ends what was read. Cheap cameras leave a few bytes before it, which every reader
 * skips; more than a few are what remains when zeros or junk in their place were read as fewer
 * blocks.
 */
async function markerBehind(bits: Bits, input: Bytes): Promise<number> {
  let stray = 0;
  for (;;) {
    stray += (bits.end >>> 3) - Math.ceil(bits.at / 8);
    if (stray > Math.min(16 + bits.bytes / 128, 4096)) throw damaged('bytes behind the last block');
    if (bits.marker !== undefined) return bits.marker;
    bits.at = bits.end;
    await refill(bits, input);
  }
}

/**
 * @param interval MCUs between restart markers; 0 for none
 * @returns the marker behind the scan, 0 for the end of the file
 * @throws RefusedPicture `damaged`
 */
export async function walkScan(
  input: Bytes,
  bits: Bits,
  frame: Frame,
  scan: Scan,
  codes: Codes,
  interval: number,
): Promise<number> {
  const read = readerOf(bits, frame, scan, codes);
  const progress: Progress = { predictors: new Int32Array(4), endOfBand: 0, block: 0 };
  bits.bytes = 0;
  restartBits(bits);
  let left = scan.units;
  for (let restart = 0; ; restart++) {
    let open = interval === 0 ? left : Math.min(interval, left);
    left -= open;
    while (open > 0) {
      if (!fill(bits, input)) await refill(bits, input);
      open -= read(progress, open);
      if (bits.at > bits.end) throw damaged('a scan that ends before its last block');
    }
    if (progress.endOfBand > 0) throw damaged('a run of blocks behind the last');
    const marker = await markerBehind(bits, input);
    if (left === 0) return marker;
    if (marker !== 0xd0 + (restart & 7)) throw damaged('a restart marker that is not there');
    progress.predictors.fill(0);
    restartBits(bits);
  }
}
