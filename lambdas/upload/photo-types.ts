/** Which photos are taken, and what is said of those that are not. One list for the API, the check of the bytes and the customer's page. */

/** MIME type → ending of our keys. */
export const acceptedTypes = { 'image/jpeg': 'jpg', 'image/png': 'png', 'image/webp': 'webp' } as const;

export type AcceptedType = keyof typeof acceptedTypes;

export const isAccepted = (type: string): type is AcceptedType => Object.hasOwn(acceptedTypes, type);

/** Why a photo was refused after its bytes arrived; stored as `refusal_code`, shown as the sentence. */
export const refusals = {
  empty: 'The file is empty. Please choose it again; it may not have been copied completely.',
  not_a_photo: 'This file is not a photo, whatever its name says. We take JPEG, PNG and WebP.',
  heic: 'This is a HEIC photo. On an iPhone, share it with “Most Compatible”, or export it as JPEG, and choose that file.',
  tiff: 'This is a TIFF scan. Please save it as JPEG or PNG with your scanner’s or picture program, and choose that file.',
  svg: 'This is a drawing (SVG), not a photo. We take JPEG, PNG and WebP.',
  too_many_pixels:
    'This picture has more pixels than we can restore. Please scale it down and choose it again.',
  unreadable: 'We cannot read this picture: its beginning is damaged. Please choose another copy of it.',
  too_large: 'This file is larger than we take. Please save it smaller and choose it again.',
} as const;

export type Refusal = keyof typeof refusals;

const byType = new Map<string, Refusal>(
  Object.entries({
    'image/heic': 'heic',
    'image/heif': 'heic',
    'image/avif': 'not_a_photo',
    'image/tiff': 'tiff',
    'image/svg+xml': 'svg',
  }),
);

/** What to say to a type that is declared but not taken. */
export const refusalOfType = (type: string): Refusal => byType.get(type.toLowerCase()) ?? 'not_a_photo';
