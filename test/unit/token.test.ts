import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { looksLikeToken, newToken, seededToken, tokenHash } from '../../lambdas/download/token.ts';

describe('a download token', () => {
  test('is 256 random bits, another each time', () => {
    const tokens = Array.from({ length: 100 }, newToken);
    expect(new Set(tokens).size).toBe(100);
    expect(tokens.every((token) => Buffer.from(token, 'base64url').length === 32)).toBe(true);
  });

  test('of an email says nothing about the tokens beside it', () => {
    const seed = 'ab'.repeat(32);
    const tokens = ['all', 'photo-1', 'photo-2'].map((opens) => seededToken(seed, opens));
    expect(new Set(tokens).size).toBe(3);
    expect(seededToken('cd'.repeat(32), 'all')).not.toBe(tokens[0]);
    expect(seededToken(seed, 'all')).toBe(tokens[0]);
  });

  test('of an email is the SHA-256 of its seed, a slash and what it opens', () => {
    expect(seededToken('5eed', 'all')).toBe(createHash('sha256').update('5eed/all').digest('hex'));
  });

  test('is stored as its SHA-256', () => {
    expect(tokenHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('looks like one, whichever way it was made', () => {
    expect(looksLikeToken(newToken())).toBe(true);
    expect(looksLikeToken(seededToken('5eed', 'all'))).toBe(true);
  });

  test.each([
    [
      '',
      'x'.repeat(42),
      'x'.repeat(44),
      'g'.repeat(64),
      `${'x'.repeat(43)}\n`,
      `${'x'.repeat(42)}.`,
      'é'.repeat(43),
    ],
  ])('never looks like “%s”', (...texts) => {
    expect(texts.filter(looksLikeToken)).toEqual([]);
  });
});
