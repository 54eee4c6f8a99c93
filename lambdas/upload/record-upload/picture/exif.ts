/** The one thing that is read of EXIF: how a picture is turned. */

/** Tag 0x0112 of the first directory (EXIF 2.32, 4.6.4). */
const orientationTag = 0x0112;
const shortType = 3;

/** @param tiff an EXIF block from its byte order on; `Exif\0\0` may stand before it */
export function orientationOf(tiff: Uint8Array): number | undefined {
  const block = Buffer.from(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (block.toString('latin1', 0, 4) === 'Exif') return orientationOf(block.subarray(6));
  const order = block.toString('latin1', 0, 2);
  if (block.length < 10 || (order !== 'II' && order !== 'MM')) return undefined;
  const short = (at: number) => (order === 'II' ? block.readUInt16LE(at) : block.readUInt16BE(at));
  const directory = order === 'II' ? block.readUInt32LE(4) : block.readUInt32BE(4);
  if (directory + 2 > block.length) return undefined;
  const entries = Math.min(short(directory), Math.floor((block.length - directory - 2) / 12));
  for (let entry = directory + 2; entry < directory + 2 + entries * 12; entry += 12) {
    if (short(entry) === orientationTag && short(entry + 2) === shortType) return short(entry + 8);
  }
  return undefined;
}

/** Orientations 5 to 8 lie on their side. */
export const isTurned = (orientation: number | undefined): boolean =>
  orientation !== undefined && orientation >= 5 && orientation <= 8;
