/** Looks at the first bytes of a file: what it really is, and how many pixels it declares. */
import { imageSize } from 'image-size';
import { typeHandlers } from 'image-size/types/index';
import type { AcceptedType, Refusal } from '../photo-types.ts';

export type Inspection =
  | { photo: { type: AcceptedType; width: number; height: number } }
  | { refusal: Refusal }
  /** The size stands further back than the bytes that were read. */
  | { more: true };

const types: Record<string, AcceptedType> = { jpg: 'image/jpeg', png: 'image/png', webp: 'image/webp' };
const refused: Record<string, Refusal> = {
  heif: 'heic',
  heic: 'heic',
  tiff: 'tiff',
  bigtiff: 'tiff',
  svg: 'svg',
};

/** EXIF orientations 5 to 8 lie on their side. */
const isTurned = (orientation: number | undefined) => orientation !== undefined && orientation >= 5;

const startsAsJpeg = (head: Uint8Array) => head[0] === 0xff && head[1] === 0xd8;

/** What a file begins as, even if its size is further back, as in most TIFFs, or lost. */
function refusalByBeginning(head: Uint8Array): Refusal {
  const [kind = ''] = [...typeHandlers].find(([, { validate }]) => beginsAs(validate, head)) ?? [];
  return refused[kind] ?? (types[kind] ? 'unreadable' : 'not_a_photo');
}

function beginsAs(validate: (head: Uint8Array) => boolean, head: Uint8Array): boolean {
  try {
    return validate(head);
  } catch {
    // Too short for what it looks for.
    return false;
  }
}

/**
 * @param head the first bytes of the file
 * @param whole whether these are all of its bytes
 * @param maxPixels width × height above which it is refused: 5 kB of PNG can declare 64,250 × 64,250
 */
export function inspect(head: Uint8Array, whole: boolean, maxPixels: number): Inspection {
  if (head.length === 0) return { refusal: 'empty' };
  let size: ReturnType<typeof imageSize>;
  try {
    // A copy: the reader looks past the end of a view, into whatever shares its memory.
    size = imageSize(new Uint8Array(head));
  } catch {
    // Only a JPEG may keep its size behind long metadata; any other kind has it in its first bytes.
    if (startsAsJpeg(head)) return whole ? { refusal: 'unreadable' } : { more: true };
    return { refusal: refusalByBeginning(head) };
  }
  const type = types[size.type ?? ''];
  if (!type) return { refusal: refused[size.type ?? ''] ?? 'not_a_photo' };
  if (!(size.width > 0 && size.height > 0)) return { refusal: 'unreadable' };
  if (size.width * size.height > maxPixels) return { refusal: 'too_many_pixels' };
  const [width, height] = isTurned(size.orientation) ? [size.height, size.width] : [size.width, size.height];
  return { photo: { type, width, height } };
}
