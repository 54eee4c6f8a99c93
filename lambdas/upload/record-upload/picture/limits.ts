/** How large and how small a picture may be. */
import { shortestSide } from '../../photo-types.ts';
import { RefusedPicture } from './refused.ts';

export type Limits = {
  /** Width × height. */
  maxPixels: number;
};

/** @throws RefusedPicture `unreadable`, `too_small` or `too_many_pixels` */
export function checkSize({ width, height }: { width: number; height: number }, { maxPixels }: Limits): void {
  if (width === 0 || height === 0) throw new RefusedPicture('unreadable', 'a side of no pixels');
  if (width * height > maxPixels) throw new RefusedPicture('too_many_pixels', `${width} × ${height}`);
  if (Math.min(width, height) < shortestSide) throw new RefusedPicture('too_small', `${width} × ${height}`);
}
