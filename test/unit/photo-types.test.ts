import { describe, expect, test } from '@jest/globals';
import { acceptedTypes, isAccepted, refusalOfType, refusals } from '../../lambdas/upload/photo-types.ts';

describe('a declared type', () => {
  test.each(Object.keys(acceptedTypes))('%s is taken', (type) => {
    expect(isAccepted(type)).toBe(true);
  });

  test.each(['image/gif', 'image/JPEG', '', 'toString', 'constructor', '__proto__'])(
    '“%s” is not',
    (type) => {
      expect(isAccepted(type)).toBe(false);
    },
  );

  test.each([
    ['image/heic', 'heic'],
    ['IMAGE/HEIF', 'heic'],
    ['image/tiff', 'tiff'],
    ['image/svg+xml', 'svg'],
    ['application/pdf', 'not_a_photo'],
    ['constructor', 'not_a_photo'],
    ['', 'not_a_photo'],
  ])('“%s” is refused as %s, in a sentence', (type, refusal) => {
    expect(refusalOfType(type)).toBe(refusal);
    expect(refusals[refusalOfType(type)]).toMatch(/^[A-Z].*\.$/);
  });
});
