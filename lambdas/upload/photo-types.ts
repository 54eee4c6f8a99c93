/**
 * Which photos are taken, and what is said of those that are not. One list for the API, the check
 * of the bytes and the customer's page.
 */

/** MIME type → ending of our keys. */
export const acceptedTypes = { 'image/jpeg': 'jpg', 'image/png': 'png', 'image/webp': 'webp' } as const;

export type AcceptedType = keyof typeof acceptedTypes;

/**
 * What the ending of one of our keys means; an order gives its photos those of what they were found
 * to be.
 */
export function typeOfKey(key: string): AcceptedType {
  const ending = key.slice(key.lastIndexOf('.') + 1);
  const types = Object.keys(acceptedTypes) as AcceptedType[];
  return types.find((type) => acceptedTypes[type] === ending) ?? 'image/jpeg';
}

/**
 * In pixels. A thumbnail smaller than that shows nothing that could be restored, and the
 * restoration service fails on those of 8 and less.
 */
export const shortestSide = 32;

/**
 * Why a photo was refused after its bytes arrived; stored as `refusal_code`, shown as the sentence.
 */
export const refusals = {
  empty: 'The file is empty. Please choose it again; it may not have been copied completely.',
  not_a_photo: 'This file is not a photo, whatever its name says. We take JPEG, PNG and WebP.',
  heic: 'This is a HEIC photo. On an iPhone, share it with “Most Compatible”, or export it as JPEG, and choose that file.',
  tiff: 'This is a TIFF scan. Please save it as JPEG or PNG with your scanner’s or picture program, and choose that file.',
  svg: 'This is a drawing (SVG), not a photo. We take JPEG, PNG and WebP.',
  too_many_pixels:
    'This picture has more pixels than we can restore. Please scale it down and choose it again.',
  unreadable: 'We cannot read this picture: its beginning is damaged. Please choose another copy of it.',
  damaged:
    'This picture is not whole: it breaks off, or a part of it is missing. Please copy it again from where it came from, and choose that file.',
  too_small: `This picture is too small to restore: its shorter side has less than ${shortestSide} pixels. Please choose a larger copy of it.`,
  rare_jpeg:
    'This JPEG is of a rare kind that hardly any program shows. Please open it where it was made, save it as an ordinary JPEG, and choose that file.',
  animated: 'This is a moving picture. Please choose a still photo.',
  too_large: 'This file is larger than we take. Please save it smaller and choose it again.',
} as const;

export type Refusal = keyof typeof refusals;

/** What browsers, phones and old programs call the three: image/jpg, image/pjpeg, image/x-png … */
const labels: [RegExp, AcceptedType][] = [
  [/^(image|application)\/(x-(citrix-)?)?(p?jpe?g|jpe|jfif|pipeg)$/, 'image/jpeg'],
  [/^(image|application)\/(x-(citrix-)?)?png$/, 'image/png'],
  [/^image\/(x-)?webp$/, 'image/webp'],
];

/** What is sent for a file of which a browser knows no type. */
export const unknownLabel = 'application/octet-stream';
const unknownLabels = ['', unknownLabel, 'binary/octet-stream', 'image/*', '*/*'];

/** Kinds with a sentence of their own, by the end of a type or of a name. */
const refusedKinds: [RegExp, Refusal][] = [
  [/[/.](x-)?(hei[cf]s?|hif)(-sequence)?$/, 'heic'],
  [/[/.](x-)?tiff?$/, 'tiff'],
  [/[/.]svgz?(\+xml)?$/, 'svg'],
];

const firstOf = <T>(kinds: [RegExp, T][], word: string): T | undefined =>
  kinds.find(([pattern]) => pattern.test(word))?.[1];

/** Without its parameters, such as a charset. */
const mediaType = (label: string) => (label.split(';')[0] ?? '').trim().toLowerCase();

/** Which of the types that are taken a label means. */
export const acceptedType = (label: string): AcceptedType | undefined => firstOf(labels, mediaType(label));

/**
 * Why a photo is refused before its bytes are there; the bytes decide where the label says nothing.
 * @param label its type, as the browser says it
 */
export function refusalOf({ name, type: label }: { name: string; type: string }): Refusal | undefined {
  if (acceptedType(label)) return undefined;
  const type = mediaType(label);
  const refusal = firstOf(refusedKinds, type) ?? firstOf(refusedKinds, name.toLowerCase());
  return refusal ?? (unknownLabels.includes(type) ? undefined : 'not_a_photo');
}
