/** The local S3 and pages of other origins. */
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bucketModel, type OpenedS3, openS3 } from './s3-setup.ts';

const page = 'https://photos.example';

let local: OpenedS3;
beforeAll(async () => {
  const cors = [
    { origins: [page], methods: ['POST'], headers: ['*'], exposed: ['ETag'], maxAgeSeconds: 600 },
    { origins: ['https://*.example'], methods: ['GET'], headers: ['x-own'], exposed: [] },
  ];
  local = await openS3({ buckets: [bucketModel({ cors })] });
});
afterAll(async () => {
  await local.close();
  expect(local.faults).toEqual([]);
});

describe('a page of another origin', () => {
  const preflight = (method: string, origin: string, headers?: string) =>
    fetch(`${local.url}/photos`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        ...(headers && { 'access-control-request-headers': headers }),
      },
    });

  test('is let in as the rules say', async () => {
    const answer = await preflight('POST', page, 'Content-Type, X-Any');
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': page,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type, x-any',
      'access-control-expose-headers': 'ETag',
      'access-control-max-age': '600',
    });
    expect((await preflight('GET', 'https://any.example', 'x-own')).status).toBe(200);
  });

  test.each([
    ['POST', 'https://other.example.org', undefined],
    ['PUT', page, undefined],
    ['GET', 'https://any.example', 'x-other'],
  ])('is kept out otherwise: %s from %s with %s', async (method, origin, headers) => {
    const answer = await preflight(method, origin, headers);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('AccessForbidden')]);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('can read the answer to its form, and why it was refused', async () => {
    const { url, fields } = await createPresignedPost(local.client(), {
      Bucket: 'photos',
      Key: 'a.png',
      Conditions: [['content-length-range', 1, 10]],
    });
    const post = (file: string, origin: string) => {
      const body = new FormData();
      for (const [name, value] of Object.entries(fields)) body.append(name, value);
      body.append('file', new Blob([file]), 'a.png');
      return fetch(url, { method: 'POST', body, headers: { origin } });
    };
    const allowed = async (answer: Response) => [
      answer.status,
      answer.headers.get('access-control-allow-origin'),
    ];
    expect(await allowed(await post('x', page))).toEqual([204, page]);
    expect(await allowed(await post('far too large', page))).toEqual([400, page]);
    expect(await allowed(await post('x', 'https://stranger.test'))).toEqual([204, null]);
  });
});
