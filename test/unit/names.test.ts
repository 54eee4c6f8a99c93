import { describe, expect, test } from '@jest/globals';
import { distinctNames, originalName, restoredName, restoredNames } from '../../lambdas/download/names.ts';

/** What customers' devices give, and what file systems have trouble with. */
const difficult = [
  'Grandma 12:24:1943.jpg',
  'Who is this?.jpg',
  'a<b>c"d|e?f*g/h\\i.png',
  'tab\tnew\nline\u0000\u007F\u0085.jpg',
  '\u202Egpj.exe',
  '\u2066a\u2069\u200E\u200F\u061C\uFEFF\u2028b',
  'trailing dots...',
  'trailing space .jpg ',
  ' ',
  '...',
  '?',
  '',
  '.jpg',
  'CON',
  'con.jpg',
  'nul.1943',
  'Com1 .webp',
  'lpt¹.png',
  'conin$',
  '\uD83D',
];

const unsafe = /[<>:"|?*/\\\p{Cc}\p{Cs}\p{Bidi_Control}\p{Zl}\uFEFF]|[. ]$|^ |^$/u;
const device = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³]) *(\.|$)/i;

describe('the name of a restored photo', () => {
  test.each([
    ['Grandma 1943.jpeg', 'Grandma 1943 restored.png'],
    ['no ending', 'no ending restored.png'],
    ['two.dots.JPG', 'two.dots restored.png'],
    ['Mr. Jones at the seaside', 'Mr. Jones at the seaside restored.png'],
    ['Scan 24.12.1943', 'Scan 24.12.1943 restored.png'],
    ['Scan 24.12.1943.tiff', 'Scan 24.12.1943 restored.png'],
    ['IMG_0001.HEIC', 'IMG_0001 restored.png'],
    ['.jpg', 'photo restored.png'],
    ['.hidden', '.hidden restored.png'],
    ['Zoë 写真 📷.jpg', 'Zoë 写真 📷 restored.png'],
    ['family 👨‍👩‍👧.jpg', 'family 👨‍👩‍👧 restored.png'],
    ['=cmd().jpg', '=cmd() restored.png'],
    ['Grandma 12:24:1943.jpg', 'Grandma 12-24-1943 restored.png'],
    ['Who is this?.jpg', 'Who is this restored.png'],
    ['the "good" one.jpg', "the 'good' one restored.png"],
    ['nul.1943', '_nul.1943 restored.png'],
    ['Zoe\u0301.jpg', 'Zo\u00E9 restored.png'],
  ])('%s becomes %s', (original, restored) => {
    expect(restoredName(original, 'png')).toBe(restored);
  });

  test.each(difficult)('is safe everywhere when the original was %j', (original) => {
    for (const name of [restoredName(original, 'png'), originalName(original, 'jpg')]) {
      expect(name).not.toMatch(unsafe);
      expect(name).not.toMatch(device);
      expect(name.normalize('NFC')).toBe(name);
    }
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

describe('the name of an original', () => {
  test.each([
    ['a.jpg', 'jpg', 'a.jpg'],
    ['a.JFIF', 'jpg', 'a.JFIF'],
    ['Grandma 12:24:1943.JPG', 'jpg', 'Grandma 12-24-1943.JPG'],
    ['Scan 24.12.1943', 'jpg', 'Scan 24.12.1943.jpg'],
    ['con.jpg', 'jpg', '_con.jpg'],
    ['.png', 'png', 'photo.png'],
    ['a.jpg', 'png', 'a.png'],
    ['invoice.hta', 'jpg', 'invoice.hta.jpg'],
    ['click evil.com now.bat', 'webp', 'click evil.com now.bat.webp'],
  ])('%s, a %s, becomes %s', (given, format, name) => {
    expect(originalName(given, format)).toBe(name);
  });
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

  test.each([
    ['Photo', 'photo'],
    ['Zo\u00E9', 'Zoe\u0301'],
    ['STRASSE', 'stra\u00DFe'],
    ['stra\u00DFe', 'STRA\u1E9EE'],
    ['ΟΔΟΣ', 'οδος'],
    ['\u212A', 'k'],
  ])('%s and %s are told apart, for systems that do not', (one, other) => {
    const names = distinctNames([`${one}.png`, `${other}.png`]);
    expect(names).toEqual([`${one}.png`, `${other} (2).png`]);
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

  test('differ when the customer’s differed only in what cannot stay', () => {
    const originals = ['a?.jpg', 'a*.jpg', 'a\u200F.jpeg', null];
    const photos = originals.map((originalFilename) => ({ originalFilename, format: 'png' }));
    expect(restoredNames(photos)).toEqual([
      'a restored.png',
      'a restored (2).png',
      'a restored (3).png',
      'photo restored.png',
    ]);
  });
});
