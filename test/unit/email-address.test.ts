import { describe, expect, test } from '@jest/globals';
import { emailAddress } from '../../lambdas/platform/email-address.ts';

describe('an email address', () => {
  test.each([
    ['ada@example.com', 'ada@example.com'],
    ['ada@example.com ', 'ada@example.com'],
    ['\t ada@example.com\u00A0\r\n', 'ada@example.com'],
    ['ada+photos@example.com', 'ada+photos@example.com'],
    ['ben&anna@example.com', 'ben&anna@example.com'],
    ["o'neill/sales=eu@mail.example.co.uk", "o'neill/sales=eu@mail.example.co.uk"],
    ['_@1.example.museum', '_@1.example.museum'],
    ['Ada@xn--bcher-kva.example', 'Ada@xn--bcher-kva.example'],
  ])('%j is taken as %j', (typed, taken) => {
    expect(emailAddress.parse(typed)).toBe(taken);
  });

  test.each([
    '',
    ' ',
    'ada',
    'ada@example',
    '@example.com',
    'ada@',
    'ada@@example.com',
    'ada grace@example.com',
    '.ada@example.com',
    'ada.@example.com',
    'a..da@example.com',
    'ada@-example.com',
    'ada@example..com',
    'ada@example.com, grace@example.com',
    'ada@example.com\r\nbcc: eve@example.com',
    'Ada <ada@example.com>',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(60)}.com`,
  ])('%j is none', (typed) => {
    expect(emailAddress.safeParse(typed).success).toBe(false);
  });
});
