import { describe, expect, test } from '@jest/globals';
import { contentDisposition } from '../../lambdas/download/names.ts';
import { archiveKey } from '../../lambdas/platform/object-keys.ts';

describe('the header that names a download', () => {
  /** Reads the header as RFC 6266 says: parameters between semicolons, the encoded name last. */
  const read = (header: string) =>
    /^attachment; filename="photo\.jpg"; filename\*=UTF-8''([\w!#$&+.^`|~%-]*)$/.exec(header)?.[1];

  test.each([
    'Grandma 1943.jpg',
    'Zoë 写真 📷.jpg',
    '"; filename="evil.exe',
    'a\r\nSet-Cookie: a=b',
    "it's (really) *here*!.jpg",
    '../../etc/passwd',
    '=cmd()|calc.jpg',
    'semi;colon,comma.jpg',
    '%22%0d%0a',
    '\u202Egpj.exe',
    'x'.repeat(255),
    '',
  ])('holds %j whole, and nothing else', (name) => {
    const header = contentDisposition(name, 'photo.jpg');
    const encoded = read(header);
    expect(encoded).toBeDefined();
    expect(decodeURIComponent(encoded ?? '')).toBe(name);
    expect(header).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe('the key of an archive', () => {
  test('is the same for the same photos, in whatever order', () => {
    expect(archiveKey('o', ['b', 'a'])).toBe(archiveKey('o', ['a', 'b']));
    expect(archiveKey('o', ['a', 'b'])).toMatch(/^uploads\/archives\/o\/[0-9a-f]{32}\.zip$/);
  });

  test('differs for other photos', () => {
    expect(archiveKey('o', ['a', 'b'])).not.toBe(archiveKey('o', ['a']));
  });

  test('does not change the list it is made of', () => {
    const ids = ['b', 'a'];
    archiveKey('o', ids);
    expect(ids).toEqual(['b', 'a']);
  });
});
