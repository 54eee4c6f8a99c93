import { describe, expect, test } from '@jest/globals';
import { isName, linkIn } from '../../lambdas/email/strangers-words.ts';

describe('a name', () => {
  test.each([
    'Ada',
    'Dr. Zoë O’Neil-Śmith',
    "D'Arcy",
    'Ada & Bob',
    'J. R. R. Tolkien',
    '王小明',
    'नीलम',
    'María José',
  ])('is %s', (text) => expect(isName(text)).toBe(true));

  test.each([
    ['an address of the web', 'prize.example'],
    ['one with its scheme', 'https://prize.example'],
    ['one in words', 'Visit prize.example now'],
    ['one in other letters', 'приз。рф'],
    ['a mailbox', 'ada@example.com'],
    ['a number to call', 'Call 0900 1234'],
    ['lines', 'Ada\nBcc'],
    ['what turns the text round', 'Ada\u202E'],
    ['marks alone', "'-'"],
    ['nothing', ''],
    ['very much', 'a'.repeat(61)],
  ])('is not %s', (_what, text) => expect(isName(text)).toBe(false));
});

describe('a message', () => {
  test.each([
    'Look!\nGrandma, 1943.\nShe was 3.5 years old... wasn’t she?',
    'See p. 4, i.e. the attic. Ok',
    '',
  ])('may be %j', (text) => expect(linkIn(text)).toBeUndefined());

  test.each([
    ['Go to https://prize.example/win now', 'https://prize.example/win'],
    ['see www.prize', 'www.prize'],
    ['Win at prize.example!', 'prize.example!'],
    ['write to bob@example.com', 'bob@example.com'],
    ['javascript://x', 'javascript://x'],
  ])('holds a link: %s', (text, found) => expect(linkIn(text)).toBe(found));
});
