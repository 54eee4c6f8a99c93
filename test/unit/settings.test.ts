import { afterEach, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  clientError,
  internalError,
  permanentFailure,
  retryLater,
  StepError,
} from '../../lambdas/platform/errors.ts';
import { count, list, settings } from '../../lambdas/platform/settings.ts';

const before = { ...process.env };
afterEach(() => {
  process.env = { ...before };
});

describe('settings', () => {
  test('are read from the environment, each by its kind', () => {
    Object.assign(process.env, { SOME_COUNT: '12', SOME_LIST: 'a,b,,c', SOME_TEXT: 'x' });
    expect(settings({ SOME_COUNT: count, SOME_LIST: list, SOME_TEXT: z.string() })).toEqual({
      SOME_COUNT: 12,
      SOME_LIST: ['a', 'b', 'c'],
      SOME_TEXT: 'x',
    });
  });

  test.each(['0', '-1', '1.5', 'many', ''])('take “%s” for no count', (text) => {
    process.env.SOME_COUNT = text;
    expect(() => settings({ SOME_COUNT: count })).toThrow('SOME_COUNT');
  });

  test('that are missing or wrong are all named, without their values', () => {
    process.env.SOME_URL = 'secret value';
    const read = () => settings({ SOME_URL: z.url(), SOME_COUNT: count });
    expect(read).toThrow('Missing or wrong environment variables: SOME_URL, SOME_COUNT.');
    expect(read).not.toThrow('secret value');
  });
});

describe('an error', () => {
  test.each<[string, (code: string, sentence: string) => StepError, string, number]>([
    ['the client’s error', clientError, 'client', 400],
    ['worth another try', retryLater, 'retry', 503],
    ['permanent', permanentFailure, 'permanent', 422],
    ['internal', internalError, 'internal', 500],
  ])('%s has its kind and status, and the poller’s name for it', (_what, make, kind, status) => {
    const error = make('some_code', 'A sentence.');
    expect(error).toBeInstanceOf(StepError);
    expect(error).toMatchObject({
      kind,
      status,
      code: 'some_code',
      name: 'some_code',
      message: 'A sentence.',
    });
  });

  test('may say its own status, delay, detail and cause', () => {
    const cause = new Error('why');
    const error = clientError('gone', 'Gone.', {
      status: 410,
      retryAfterSeconds: 3,
      detail: { a: 1 },
      cause,
    });
    expect(error).toMatchObject({ status: 410, retryAfterSeconds: 3, detail: { a: 1 }, cause });
  });
});
