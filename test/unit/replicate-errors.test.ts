/** What a failed prediction says, in words that were seen, and what becomes of its photo. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createReplicateRestoration } from '../../lambdas/providers/replicate.ts';
import { knownError, replicateErrors } from '../../lambdas/providers/replicate-errors.ts';
import { isAboutPhoto, isRetryable, restorationCodes } from '../../lambdas/providers/restoration-codes.ts';
import { capturedLog } from './aws.ts';

const flagged =
  'The input or output was flagged as sensitive. Please try again with different inputs. (E005)';

const final = {
  [flagged]: 'moderation_refused',
  [`${flagged} (uIJ6l3ruRD)`]: 'moderation_refused',
  [`ModelError: ${flagged} (uIJ6l3ruRD)`]: 'moderation_refused',
  'NSFW content detected. Try running it again, or try a different prompt.': 'moderation_refused',
  'image file is truncated (12 bytes not processed)': 'input_rejected',
  'OSError: image file is truncated': 'input_rejected',
  'broken data stream when reading image file': 'input_rejected',
  'cannot identify image file <_io.BytesIO object at 0x7f>': 'input_rejected',
  'PIL.UnidentifiedImageError: cannot identify image file': 'input_rejected',
};
const passing = {
  'An unknown error occurred. (E1000)': 'prediction_failed',
  'CUDA out of memory. Tried to allocate 20.00 GiB (GPU 0; 79.15 GiB total capacity)':
    'provider_out_of_memory',
  'torch.OutOfMemoryError: CUDA out of memory.': 'provider_out_of_memory',
  'The model ran out of memory and was terminated. (E1001) (abc123)': 'provider_out_of_memory',
  'Prediction interrupted; please retry (code: PA)': 'prediction_interrupted',
  'The prediction failed to start within the expected time. (E6716)': 'prediction_timed_out',
  'Failed to download the photo': 'input_unavailable',
};

describe('the error of a failed prediction', () => {
  test.each(Object.entries(final))('is final: %s', (error, code) => {
    expect(knownError(error)).toBe(code);
    expect(isRetryable(code)).toBe(false);
  });

  test.each(Object.entries(passing))('is worth another attempt: %s', (error, code) => {
    expect(knownError(error)).toBe(code);
    expect(isRetryable(code)).toBe(true);
  });

  test('that says nothing of the photo takes no attempt from it', () => {
    expect(isAboutPhoto('prediction_interrupted')).toBe(false);
    expect(isAboutPhoto('provider_out_of_memory')).toBe(true);
  });

  test('has a code of the closed list and a source, in every line of the table', () => {
    for (const { code, source } of replicateErrors) {
      expect(restorationCodes).toHaveProperty(code);
      expect(source).not.toBe('');
    }
  });
});

describe('an error that nobody has seen yet', () => {
  let server: Server;
  let error = '';
  beforeAll(async () => {
    server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: 'p', status: 'failed', output: null, error }));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  });
  afterAll(() => new Promise((closed) => server.close(closed)));
  let log: ReturnType<typeof capturedLog>;
  beforeEach(() => {
    log = capturedLog();
  });
  afterEach(() => void jest.restoreAllMocks());

  const look = () => {
    const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    return createReplicateRestoration({ apiToken: 'r8_x', apiUrl, model: 'a/b' }).getPrediction('p');
  };

  test('is tried again and counted, in a line without its words', async () => {
    error = 'KeyError: https://photos.example/grandma.jpg';
    expect(await look()).toMatchObject({ state: 'failed', code: 'prediction_failed' });
    expect(isRetryable('prediction_failed')).toBe(true);
    expect(log.lines()).toMatchObject([
      { level: 'warn', message: 'unknown provider error', provider: 'replicate' },
    ]);
    expect(log.text()).not.toContain('grandma');
  });

  test('is not what the table knows', async () => {
    error = 'An unknown error occurred. (E1000) (abc)';
    expect(await look()).toMatchObject({ state: 'failed', code: 'prediction_failed' });
    expect(log.lines()).toEqual([]);
  });
});
