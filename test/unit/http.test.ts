import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { DatabaseResuming, StatementError } from '../../lambdas/platform/database.ts';
import { clientError, internalError, permanentFailure, retryLater } from '../../lambdas/platform/errors.ts';
import { apiHandler, jsonBody, type Request, uuidParameter } from '../../lambdas/platform/http.ts';
import { type ApiCall, apiEvent, capturedLog } from './aws.ts';

let log: ReturnType<typeof capturedLog>;
beforeEach(() => {
  log = capturedLog();
});
afterEach(() => void jest.restoreAllMocks());

async function requestOf(call: ApiCall): Promise<Request> {
  const step = jest.fn(async (_request: Request) => ({ status: 204 }));
  await apiHandler(step)(apiEvent(call));
  const [request] = step.mock.calls[0] ?? [];
  if (!request) throw new Error('The step was not called.');
  return request;
}
const failing = async (error: unknown) => {
  const { statusCode, headers, body } = await apiHandler(() => Promise.reject(error))(apiEvent());
  return { status: statusCode, headers, problem: JSON.parse(body ?? '{}') };
};

describe('a request', () => {
  test('has its body’s bytes as they were sent, base64 or not', async () => {
    const text = '{"name":"Zoë 写真"}';
    expect((await requestOf({ body: text })).body).toEqual(Buffer.from(text));
    const base64 = { body: Buffer.from([0xff, 0x00]).toString('base64'), isBase64Encoded: true };
    expect((await requestOf(base64)).body).toEqual(Buffer.from([0xff, 0x00]));
    expect((await requestOf({})).body).toHaveLength(0);
  });

  test('knows the network it came from, and not the address', async () => {
    expect(await requestOf({ userAgent: 'a'.repeat(1000) })).toMatchObject({
      ipAddress: '192.0.2.0',
      userAgent: 'a'.repeat(300),
    });
    expect(await requestOf({ userAgent: '' })).toMatchObject({ userAgent: null });
  });
});

describe('an answer', () => {
  test('is JSON that nobody keeps', async () => {
    const answer = await apiHandler(async () => ({ status: 201, body: { a: 1 }, headers: { x: 'y' } }))(
      apiEvent(),
    );
    expect(answer).toMatchObject({
      statusCode: 201,
      body: '{"a":1}',
      headers: { 'content-type': 'application/json', 'cache-control': 'private, no-store', x: 'y' },
    });
  });

  test('that Lambda would not take is an error of ours', async () => {
    const body = { text: 'é'.repeat(3_000_000) };
    const answer = await apiHandler(async () => ({ status: 200, body }))(apiEvent());
    expect(answer.statusCode).toBe(500);
    expect(log.lines()).toMatchObject([{ level: 'error', message: 'answer too large', bytes: 6_000_011 }]);
  });

  test('without a body has no content type', async () => {
    const answer = await apiHandler(async () => ({ status: 204 }))(apiEvent());
    expect(answer.body).toBeUndefined();
    expect(answer.headers).not.toHaveProperty('content-type');
  });
});

describe('a failed request', () => {
  test('is answered in problem details with a stable type', async () => {
    const error = clientError('link_spent', 'This link is spent.', {
      status: 410,
      detail: { photo: 'a.jpg' },
    });
    expect(await failing(error)).toMatchObject({
      status: 410,
      headers: { 'content-type': 'application/problem+json' },
      problem: {
        type: 'urn:restoreclick:problem:link-spent',
        status: 410,
        detail: 'This link is spent.',
        photo: 'a.jpg',
      },
    });
  });

  test.each([
    ['what is not possible just now', retryLater('busy', 'Busy.', { retryAfterSeconds: 7 }), '7'],
    ['a database that wakes up', new DatabaseResuming(), '15'],
  ])('for %s says when to come again', async (_what, error, seconds) => {
    expect(await failing(error)).toMatchObject({ status: 503, headers: { 'retry-after': seconds } });
  });

  test.each<[string, unknown]>([
    ['a fault of ours', internalError('order_not_placed', 'secret reason')],
    ['any other error', new TypeError('secret reason')],
    ['what is no error', 'secret reason'],
    ['a provider’s refusal', permanentFailure('payment_refused', 'secret reason')],
    [
      'a statement that failed',
      new StatementError('order/x/secret', new Error('ERROR: secret; SQLState: 22001')),
    ],
    [
      'a statement in others’ way',
      new StatementError('order/x/secret', new Error('ERROR: secret; SQLState: 40001')),
    ],
    [
      'a statement that took too long',
      new StatementError('order/x/secret', new Error('ERROR: secret; SQLState: 57014')),
    ],
  ])('for %s says nothing of what is inside', async (_what, error) => {
    const { status, problem } = await failing(error);
    expect(status).toBeGreaterThanOrEqual(500);
    expect(JSON.stringify(problem)).not.toContain('secret');
  });

  test('for a statement that the role’s timeout ended asks to come back', async () => {
    const cancelled = new StatementError('order/x/y', new Error('ERROR: canceling; SQLState: 57014'));
    expect(await failing(cancelled)).toMatchObject({ status: 503 });
  });

  test('for a fault of ours is logged', async () => {
    await failing(new TypeError('why'));
    expect(log.lines()).toMatchObject([{ level: 'error', error: 'TypeError', reason: 'why' }]);
  });
});

describe('a JSON body', () => {
  const schema = z.object({ name: z.string().min(1) });
  const read = async (body: string) => jsonBody(await requestOf({ body }), schema);

  test('is answered in its schema’s shape', async () => {
    expect(await read('{"name":"a","more":1}')).toEqual({ name: 'a' });
  });

  test.each(['', '{', 'name=a', '\uFEFF{}x'])('%j is malformed', async (body) => {
    await expect(read(body)).rejects.toMatchObject({ code: 'malformed_json', status: 400 });
  });

  test.each(['null', '[]', '{}', '{"name":1}', '{"name":""}'])(
    '%s is not as expected, and where',
    async (body) => {
      await expect(read(body)).rejects.toMatchObject({
        code: 'invalid_request',
        detail: { errors: [{ detail: expect.any(String) }] },
      });
    },
  );

  test.each([['text/plain'], ['application/x-www-form-urlencoded'], ['text/plain; application/json'], ['']])(
    'sent as “%s” is not taken',
    async (type) => {
      const request = await requestOf({ body: '{"name":"a"}', headers: { 'content-type': type } });
      expect(() => jsonBody(request, schema)).toThrow(
        expect.objectContaining({ code: 'not_json', status: 415 }),
      );
    },
  );

  test('may name its character set', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    expect(jsonBody(await requestOf({ body: '{"name":"a"}', headers }), schema)).toEqual({ name: 'a' });
  });

  test('tells no more than twenty faults', async () => {
    const request = await requestOf({ body: `[${'{},'.repeat(30)}{}]` });
    const answer = await apiHandler(async () => jsonBody(request, z.array(schema)) && { status: 200 })(
      apiEvent(),
    );
    expect(JSON.parse(answer.body ?? '').errors).toHaveLength(20);
  });

  test.each([
    ['lists', (depth: number) => '['.repeat(depth) + ']'.repeat(depth)],
    ['objects', (depth: number) => `${'{"name":'.repeat(depth)}1${'}'.repeat(depth)}`],
  ])('with %s in each other without end is malformed', async (_what, nested) => {
    for (const depth of [25, 20_000])
      await expect(read(nested(depth))).rejects.toMatchObject({ code: 'malformed_json' });
  });

  test.each(['{"name":"\\u0000"}', '{"name":"\\ud800"}'])('%s is no text', async (body) => {
    await expect(read(body)).rejects.toMatchObject({ code: 'malformed_json' });
  });

  test('of more than 256 kB is too large', async () => {
    await expect(read(`{"name":"${'a'.repeat(262_144)}"}`)).rejects.toMatchObject({ status: 413 });
  });
});

describe('an id in the path', () => {
  const id = '6F1C2B1E-0000-4000-8000-00000000000B';
  test('is a UUID in lower case, or was never there', async () => {
    const request = await requestOf({ path: { order: id } });
    expect(uuidParameter(request, 'order', 'unknown_order', 'No.')).toBe(id.toLowerCase());
    for (const name of ['other', 'order'])
      expect(() =>
        uuidParameter({ ...request, path: { order: "' or 1=1" } }, name, 'unknown_order', 'No.'),
      ).toThrow(expect.objectContaining({ status: 404, code: 'unknown_order' }));
  });
});
