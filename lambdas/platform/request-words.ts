/** What is wrong with a request, for the person who sent it: zod's words are for programmers. */
import type { z } from 'zod';

type Issue = Parameters<z.core.$ZodErrorMap>[0];

const kinds: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of fields',
};

const formats: Record<string, string> = {
  email: 'this is not an email address',
  guid: 'this is not an id that we gave you',
  url: 'this is not a web address',
};

function tooLong({ origin, maximum }: Extract<Issue, { code: 'too_big' }>): string {
  if (origin === 'string') return `this is longer than ${maximum} characters`;
  return origin === 'array' ? `these are more than ${maximum}` : `this is more than ${maximum}`;
}

function tooShort({ origin, minimum }: Extract<Issue, { code: 'too_small' }>): string {
  return origin === 'string' || origin === 'array' ? 'this is empty' : `this is less than ${minimum}`;
}

/** For what a schema itself has no words for. */
export function wordsFor(issue: Issue): string {
  if (issue.input === undefined) return 'this is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `this must be ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_format':
      return formats[issue.format] ?? 'this is not written as it should be';
    case 'too_big':
      return tooLong(issue);
    case 'too_small':
      return tooShort(issue);
    default:
      return 'this is none of the possible choices';
  }
}

/** `photos.0.name` for a person: “photos 1 name”. */
export function placeOf(path: readonly PropertyKey[]): string {
  const words = path.map((part) => (typeof part === 'number' ? part + 1 : String(part)));
  return words.length === 0 ? 'the request' : `“${words.join(' ')}”`;
}
