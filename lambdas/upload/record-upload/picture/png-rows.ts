/**
 * How many bytes a PNG's rows are, and whether each begins as a row does (PNG 3rd edition, 7.2, 8.1
 * and 9.2).
 */
import { damaged } from './refused.ts';

export type Header = { width: number; height: number; depth: number; colour: number; interlaced: boolean };

/** By colour type: samples a pixel, and the depths there are. */
const colours: Record<number, { samples: number; depths: number[] } | undefined> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};

/** @throws RefusedPicture `damaged` */
export function readHeader(chunk: Uint8Array): Header {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk.length !== 13) throw damaged('a header of a wrong length');
  const [depth = 0, colour = 0, compression, filter, interlace = 0] = chunk.subarray(8);
  if (!colours[colour]?.depths.includes(depth) || compression !== 0 || filter !== 0 || interlace > 1)
    throw damaged('a header of a kind that there is not');
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  return { width, height, depth, colour, interlaced: interlace === 1 };
}

/** Adam7: where each pass begins, and its steps. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

type Rows = { count: number; length: number };

/** The rows of each pass that has any; their length with the byte of their filter. */
function rowsOf({ width, height, depth, colour, interlaced }: Header): Rows[] {
  const bits = depth * (colours[colour]?.samples ?? 0);
  const row = (pixels: number) => 1 + Math.ceil((pixels * bits) / 8);
  if (!interlaced) return [{ count: height, length: row(width) }];
  return passes
    .map(([left, top, across, down]) => ({
      pixels: Math.ceil((width - left) / across),
      count: Math.ceil((height - top) / down),
    }))
    .filter(({ pixels, count }) => pixels > 0 && count > 0)
    .map(({ pixels, count }) => ({ count, length: row(pixels) }));
}

const lastFilter = 4;
/** More than the rows is no encoder's doing. */
const mostBehind = 65_536;

/** Counts the rows as they are inflated. `complete` once all were there. */
export function countRows(header: Header) {
  const open = rowsOf(header);
  /** Bytes until the next row begins. */
  let until = 0;
  let behind = 0;
  return {
    /** @throws RefusedPicture `damaged` */
    take(inflated: Uint8Array): void {
      let at = until;
      while (at < inflated.length) {
        const [rows] = open;
        if (!rows) {
          behind += inflated.length - at;
          if (behind > mostBehind) throw damaged('more than its rows');
          at = inflated.length;
          break;
        }
        if ((inflated[at] ?? 0) > lastFilter) throw damaged('a row of a filter that there is not');
        at += rows.length;
        if (--rows.count === 0) open.shift();
      }
      until = at - inflated.length;
    },
    complete: () => open.length === 0 && until === 0,
  };
}
