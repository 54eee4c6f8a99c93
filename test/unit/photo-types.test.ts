import { describe, expect, test } from '@jest/globals';
import {
  acceptedType,
  acceptedTypes,
  refusalOf,
  refusals,
  typeOfKey,
} from '../../lambdas/upload/photo-types.ts';

const refusalOfType = (type: string) => refusalOf({ name: 'Grandma', type });

describe('a label', () => {
  test.each([
    ...Object.keys(acceptedTypes).map((type) => [type, type]),
    ['image/jpg', 'image/jpeg'],
    ['image/pjpeg', 'image/jpeg'],
    ['image/JPEG', 'image/jpeg'],
    ['image/jpeg; charset=binary', 'image/jpeg'],
    ['image/jpeg;charset=utf-8', 'image/jpeg'],
    ['image/jfif', 'image/jpeg'],
    ['image/x-citrix-jpeg', 'image/jpeg'],
    ['application/x-jpg', 'image/jpeg'],
    ['image/x-png', 'image/png'],
    [' IMAGE/WEBP ', 'image/webp'],
  ])('“%s” means %s', (label, type) => {
    expect(acceptedType(label)).toBe(type);
    expect(refusalOfType(label)).toBeUndefined();
  });

  test.each(['', ' ', 'application/octet-stream', 'binary/octet-stream', 'image/*'])(
    '“%s” says nothing: the bytes decide',
    (label) => {
      expect(acceptedType(label)).toBeUndefined();
      expect(refusalOfType(label)).toBeUndefined();
    },
  );

  test.each([
    ['image/heic', 'heic'],
    ['IMAGE/HEIF', 'heic'],
    ['image/heic-sequence', 'heic'],
    ['image/tiff', 'tiff'],
    ['image/x-tiff', 'tiff'],
    ['image/svg+xml', 'svg'],
    ['image/gif', 'not_a_photo'],
    ['image/avif', 'not_a_photo'],
    ['image/apng', 'not_a_photo'],
    ['application/pdf', 'not_a_photo'],
    ['text/jpeg', 'not_a_photo'],
    ['constructor', 'not_a_photo'],
    ['__proto__', 'not_a_photo'],
  ] as const)('“%s” is refused as %s, in a sentence', (label, refusal) => {
    expect(refusalOfType(label)).toBe(refusal);
    expect(refusals[refusal]).toMatch(/^[A-Z].*\.$/);
  });
});

describe('a name', () => {
  test.each([
    ['IMG_0001.HEIC', 'heic'],
    ['a.heif', 'heic'],
    ['DSC01.HIF', 'heic'],
    ['Scan 24.12.1943.tif', 'tiff'],
    ['scan.TIFF', 'tiff'],
    ['logo.svg', 'svg'],
    ['heic', undefined],
    ['Grandma.jpg', undefined],
    ['Grandma', undefined],
    ['letter.pdf', undefined],
  ])('“%s” without a type is refused as %s', (name, refusal) => {
    expect(refusalOf({ name, type: '' })).toBe(refusal);
    expect(refusalOf({ name, type: 'application/octet-stream' })).toBe(refusal);
  });

  test('tells of a file whose type is odd, and not of one that is called a photo', () => {
    expect(refusalOf({ name: 'a.heic', type: 'application/x-photo' })).toBe('heic');
    expect(refusalOf({ name: 'a.jpg', type: 'application/x-photo' })).toBe('not_a_photo');
    expect(refusalOf({ name: 'a.heic', type: 'image/jpeg' })).toBeUndefined();
  });
});

test.each([
  ['uploads/originals/o/i.png', 'image/png'],
  ['uploads/originals/o/i.webp', 'image/webp'],
  ['uploads/originals/o.png/i.jpg', 'image/jpeg'],
])('the key %s means %s', (key, type) => expect(typeOfKey(key)).toBe(type));
