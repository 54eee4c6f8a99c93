/**
 * What a file really is, and whether all of it is there: the bytes decide, whatever its name and
 * its label say.
 */
import type { AcceptedType, Refusal } from '../../photo-types.ts';
import { type Bytes, readBytes } from './bytes.ts';
import { isTurned } from './exif.ts';
import { readJpeg } from './jpeg.ts';
import type { Limits } from './limits.ts';
import { readPng } from './png.ts';
import { RefusedPicture } from './refused.ts';
import { readWebp } from './webp.ts';

export type Inspection =
  /** Width and height as it is seen, upright. */
  | { photo: { mimeType: AcceptedType; width: number; height: number } }
  /** `why` is for the log. */
  | { refusal: Refusal; why: string };

type Reader = (
  input: Bytes,
  limits: Limits,
) => Promise<{ width: number; height: number; orientation: number | undefined }>;

const readers: Record<AcceptedType, Reader> = {
  'image/jpeg': readJpeg,
  'image/png': readPng,
  'image/webp': readWebp,
};

/**
 * The kinds of file that are known by how they begin. An SVG may begin with a prolog, comments and
 * white space.
 */
const kinds: [RegExp, AcceptedType | Refusal][] = [
  [/^\xff\xd8/, 'image/jpeg'],
  [/^\x89PNG\r\n.\n/s, 'image/png'],
  [/^RIFF....WEBP/s, 'image/webp'],
  [/^....ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1)/s, 'heic'],
  [/^(II[*+]\0|MM\0[*+])/, 'tiff'],
  [/^(\xef\xbb\xbf)?\s*<([?!].*<)?svg\s/s, 'svg'],
];
const headLength = 1024;

const isType = (kind: AcceptedType | Refusal): kind is AcceptedType => Object.hasOwn(readers, kind);

/**
 * Reads a file to the end of its picture, a few of its chunks in memory at a time, and ends the
 * iteration.
 * @throws Error of the chunks' source
 */
export async function readPicture(chunks: AsyncIterable<Uint8Array>, limits: Limits): Promise<Inspection> {
  const input = readBytes(chunks);
  try {
    return await inspect(input, limits);
  } catch (error) {
    if (error instanceof RefusedPicture) return { refusal: error.refusal, why: error.message };
    throw error;
  } finally {
    await input.close();
  }
}

async function inspect(input: Bytes, limits: Limits): Promise<Inspection> {
  await input.more(headLength);
  if (input.data.length === 0) throw new RefusedPicture('empty', 'no bytes');
  const head = Buffer.from(input.data.subarray(0, headLength)).toString('latin1');
  const [, kind = 'not_a_photo'] = kinds.find(([beginning]) => beginning.test(head)) ?? [];
  if (!isType(kind)) throw new RefusedPicture(kind, 'its first bytes');
  const { width, height, orientation } = await readers[kind](input, limits);
  const [across, down] = isTurned(orientation) ? [height, width] : [width, height];
  return { photo: { mimeType: kind, width: across, height: down } };
}
