import { describe, expect, test } from '@jest/globals';
import { contentDisposition, distinctNames, restoredName } from '../../lambdas/download/delivery.ts';
import { archiveKey } from '../../lambdas/platform/object-keys.ts';

describe('the name of a restored photo', () => {
  test.each([
    ['Grandma 1943.jpeg', 'Grandma 1943 restored.png'],
    ['no ending', 'no ending restored.png'],
    ['two.dots.jpg', 'two.dots restored.png'],
    ['Mr. Jones at the seaside', 'Mr. Jones at the seaside restored.png'],
    ['.jpg', '.jpg restored.png'],
    ['.hidden', '.hidden restored.png'],
    ['Zoë 写真 📷.jpg', 'Zoë 写真 📷 restored.png'],
    ['=cmd().jpg', '=cmd() restored.png'],
  ])('%s becomes %s', (original, restored) => {
    expect(restoredName(original, 'png')).toBe(restored);
  });

  test.each([['x'], ['é'], ['写'], ['📷']])(
    'fits a file system when the original was 255 times %s',
    (letter) => {
      const name = restoredName(`${letter.repeat(255)}.jpg`, 'png');
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(240);
      expect(name.replaceAll(letter, '')).toBe(' restored.png');
    },
  );
});

describe('names in an archive', () => {
  test('are told apart by a number before their ending', () => {
    expect(distinctNames(['a.png', 'a.png', 'b.png', 'a.png'])).toEqual([
      'a.png',
      'a (2).png',
      'b.png',
      'a (3).png',
    ]);
  });

  test('that differ only in their case are told apart, for systems that do not', () => {
    expect(distinctNames(['Photo.png', 'photo.PNG'])).toEqual(['Photo.png', 'photo (2).PNG']);
  });

  test('without ending get their number at the end', () => {
    expect(distinctNames(['photo', 'photo', 'photo'])).toEqual(['photo', 'photo (2)', 'photo (3)']);
  });

  test('with several dots get it before the last', () => {
    expect(distinctNames(['a.b.png', 'a.b.png'])).toEqual(['a.b.png', 'a.b (2).png']);
  });

  test('never meet a name that somebody else chose', () => {
    const names = distinctNames(['a (2).png', 'a.png', 'a.png', '$1.png', '$1.png', '$&', '$&']);
    expect(new Set(names).size).toBe(7);
    expect(names).toEqual(['a (2).png', 'a.png', 'a (3).png', '$1.png', '$1 (2).png', '$&', '$& (2)']);
  });
});

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
