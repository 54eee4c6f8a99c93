/** Requests become the events that API Gateway makes, and answers what it makes of them. */
import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { type ApiGateway, createApiGateway } from '../api-gateway/index.ts';
import type { LambdaResult } from '../lambda/index.ts';
import type { ApiModel } from '../template/index.ts';

const routes = [
  { routeKey: 'POST /api/orders/{order}', functionId: 'Order' },
  { routeKey: 'GET /api/orders/latest', functionId: 'Latest' },
  { routeKey: 'GET /api/orders/{order}', functionId: 'GetOrder' },
  { routeKey: 'ANY /files/{path+}', functionId: 'Files' },
  { routeKey: '$default', functionId: 'NotFound' },
];
const cors = {
  origins: ['https://shop.example', 'http://*'],
  methods: ['GET', 'POST'],
  headers: ['content-type', 'authorization'],
  exposed: ['retry-after'],
  maxAgeSeconds: 600,
};

let gateway: ApiGateway | undefined;
let invoked: { id: string; event: APIGatewayProxyEventV2 }[] = [];
const log: string[] = [];

afterEach(async () => {
  await gateway?.stop();
  invoked = [];
});

async function serve(
  answer: () => LambdaResult | Promise<LambdaResult> = () => ({ payload: { statusCode: 204 } }),
  given: Partial<ApiModel> & { timeoutMs?: number } = {},
): Promise<string> {
  const { timeoutMs, ...api } = given;
  gateway = await createApiGateway({
    api: { routes, ...api },
    account: '000000000000',
    clock: { now: () => Date.UTC(2026, 2, 12, 19, 3, 58) },
    log: (line) => log.push(line),
    ...(timeoutMs !== undefined && { timeoutMs }),
    invoke: async (id, event) => {
      invoked.push({ id, event: event as APIGatewayProxyEventV2 });
      return answer();
    },
  });
  return gateway.url;
}
const event = () => invoked[0]?.event;
const payload = (value: unknown) => () => ({ payload: value });

describe('an event', () => {
  test('has payload format 2.0', async () => {
    const url = await serve();
    const { port } = new URL(url);
    // By hand, since fetch joins equal headers and keeps cookies to itself.
    await new Promise<void>((resolve, reject) => {
      const sent = httpRequest(
        `${url}/api/orders/a%20b%C3%A4?x=1&y=%2B&x=2&e`,
        { method: 'POST' },
        (answer) => answer.resume().on('end', resolve),
      );
      sent.setHeader('Content-Type', 'application/json; charset=utf-8');
      sent.setHeader('X-Two', ['1', '2']);
      sent.setHeader('Cookie', 'a=1; b=2');
      sent.setHeader('User-Agent', 'test');
      sent.on('error', reject).end('{"größe":1}');
    });
    expect(invoked[0]?.id).toBe('Order');
    expect(event()).toEqual({
      version: '2.0',
      routeKey: 'POST /api/orders/{order}',
      rawPath: '/api/orders/a bä',
      rawQueryString: 'x=1&y=%2B&x=2&e',
      cookies: ['a=1', 'b=2'],
      headers: {
        host: `127.0.0.1:${port}`,
        connection: 'keep-alive',
        'content-type': 'application/json; charset=utf-8',
        'content-length': '13',
        'user-agent': 'test',
        'x-amzn-trace-id': expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/),
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-port': port,
        'x-forwarded-proto': 'http',
        'x-two': '1,2',
      },
      queryStringParameters: { x: '1,2', y: '+', e: '' },
      requestContext: {
        accountId: '000000000000',
        apiId: 'local',
        domainName: '127.0.0.1',
        domainPrefix: '127',
        http: {
          method: 'POST',
          path: '/api/orders/a bä',
          protocol: 'HTTP/1.1',
          sourceIp: '127.0.0.1',
          userAgent: 'test',
        },
        requestId: expect.stringMatching(/=$/),
        routeKey: 'POST /api/orders/{order}',
        stage: '$default',
        time: '12/Mar/2026:19:03:58 +0000',
        timeEpoch: 1773342238000,
      },
      pathParameters: { order: 'a bä' },
      body: '{"größe":1}',
      isBase64Encoded: false,
    });
  });

  test.each([
    ['text/plain', false],
    ['application/json', false],
    ['application/xml;charset=utf-8', false],
    ['application/javascript', false],
    ['application/jsonish', true],
    ['image/png', true],
    ['application/x-www-form-urlencoded', true],
    ['not a content type', true],
  ])('of %s is base64-encoded: %s', async (type, isBase64Encoded) => {
    const url = await serve();
    const body = Buffer.from('grüße');
    await fetch(`${url}/api/orders/1`, { method: 'POST', body, headers: { 'content-type': type } });
    expect(event()).toMatchObject({
      isBase64Encoded,
      body: body.toString(isBase64Encoded ? 'base64' : 'utf8'),
      headers: { 'content-type': type },
    });
  });

  test('without a body has none', async () => {
    const url = await serve();
    await fetch(`${url}/api/orders/1`);
    expect(event()).not.toHaveProperty('body');
    expect(event()).not.toHaveProperty('cookies');
    expect(event()).toMatchObject({ isBase64Encoded: false, rawQueryString: '' });
  });
});

describe('a request goes to', () => {
  test.each([
    ['GET', '/api/orders/latest', 'Latest', undefined],
    ['GET', `/api/orders/${'x'.repeat(300)}`, 'GetOrder', { order: 'x'.repeat(300) }],
    ['PUT', '/files/a/b%20c.png', 'Files', { path: 'a/b c.png' }],
    ['HEAD', '/files/a', 'Files', { path: 'a' }],
    ['HEAD', '/api/orders/1', 'NotFound', undefined],
    ['DELETE', '/api/orders/1', 'NotFound', undefined],
    ['OPTIONS', '/api/orders/1', 'NotFound', undefined],
    ['POST', '/api/orders/1/', 'NotFound', undefined],
    ['GET', '/', 'NotFound', undefined],
  ])('%s %s: %s', async (method, path, id, pathParameters) => {
    const url = await serve();
    await fetch(url + path, { method });
    expect(invoked.map((each) => each.id)).toEqual([id]);
    expect(event()?.pathParameters).toEqual(pathParameters);
  });

  test('nobody, without a default route', async () => {
    const url = await serve(undefined, { routes: [] });
    const answer = await fetch(`${url}/x`);
    expect([answer.status, await answer.json()]).toEqual([404, { message: 'Not Found' }]);
  });
});

describe('an answer', () => {
  test('has the status, headers, cookies and body that the function gave', async () => {
    const url = await serve(
      payload({
        statusCode: 201,
        headers: { 'Content-Type': 'application/problem+json', 'retry-after': 3 },
        cookies: ['a=1; Secure', 'b=2'],
        body: '{"title":"größe"}',
      }),
    );
    const answer = await fetch(`${url}/`);
    expect([answer.status, await answer.text()]).toEqual([201, '{"title":"größe"}']);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('retry-after')).toBe('3');
    expect(answer.headers.getSetCookie()).toEqual(['a=1; Secure', 'b=2']);
    expect(answer.headers.get('apigw-requestid')).toBe(event()?.requestContext.requestId);
  });

  test('of bytes is decoded', async () => {
    const bytes = Buffer.from([0, 255, 137, 80]);
    const url = await serve(
      payload({
        statusCode: 200,
        headers: { 'content-type': 'image/png' },
        body: bytes.toString('base64'),
        isBase64Encoded: true,
      }),
    );
    expect(Buffer.from(await (await fetch(`${url}/`)).arrayBuffer())).toEqual(bytes);
  });

  test.each<[unknown, number, string, string]>([
    [{ orders: [1] }, 200, '{"orders":[1]}', 'application/json'],
    ['plain', 200, 'plain', 'application/json'],
    [{ statusCode: 200, body: 'plain' }, 200, 'plain', 'text/plain;charset=UTF-8'],
    [{ statusCode: '404' }, 404, '', 'text/plain;charset=UTF-8'],
    [{ statusCode: 302, headers: { location: '/x' } }, 302, '', 'text/plain;charset=UTF-8'],
    [{ statusCode: 200, body: { a: 1 } }, 500, '{"message":"Internal Server Error"}', 'application/json'],
    [{ statusCode: 'ok' }, 500, '{"message":"Internal Server Error"}', 'application/json'],
    [
      { statusCode: 200, headers: { x: 'a\nb' } },
      500,
      '{"message":"Internal Server Error"}',
      'application/json',
    ],
  ])('%j is %s %s', async (value, status, body, type) => {
    const url = await serve(payload(value));
    const answer = await fetch(`${url}/`, { redirect: 'manual' });
    expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([
      status,
      body,
      type,
    ]);
  });

  test('of a function that failed is 500, of one that takes too long 503', async () => {
    const error = { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 3.00 seconds' };
    const failed = await fetch(`${await serve(() => ({ functionError: error }))}/`);
    expect([failed.status, await failed.json()]).toEqual([500, { message: 'Internal Server Error' }]);
    expect(log.at(-1)).toBe('GET / by NotFound: Task timed out after 3.00 seconds');
    await gateway?.stop();
    const late = await fetch(`${await serve(() => new Promise(() => {}), { timeoutMs: 20 })}/`);
    expect([late.status, await late.json()]).toEqual([503, { message: 'Service Unavailable' }]);
  });
});

test('more than 10 MB are refused unread', async () => {
  const url = await serve();
  const post = (size: number) => fetch(`${url}/api/orders/1`, { method: 'POST', body: Buffer.alloc(size) });
  expect((await post(10 * 1024 ** 2)).status).toBe(204);
  const answer = await post(10 * 1024 ** 2 + 1);
  expect([answer.status, await answer.json()]).toEqual([413, { message: 'Request Entity Too Large' }]);
  expect(invoked).toHaveLength(1);
});

describe('CORS', () => {
  const preflight = (url: string, origin: string) =>
    fetch(`${url}/api/orders/1`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });

  test('a preflight is answered by the gateway', async () => {
    const url = await serve(undefined, { cors });
    const answer = await preflight(url, 'https://shop.example');
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': 'https://shop.example',
      'access-control-allow-methods': 'GET,POST',
      'access-control-allow-headers': 'content-type,authorization',
      'access-control-max-age': '600',
    });
    expect((await preflight(url, 'http://localhost:3000')).headers.get('access-control-allow-origin')).toBe(
      'http://localhost:3000',
    );
    expect((await preflight(url, 'https://evil.example')).headers.has('access-control-allow-origin')).toBe(
      false,
    );
    expect(invoked).toEqual([]);
  });

  test('other answers get the gateway’s headers, and not the function’s', async () => {
    const url = await serve(
      payload({
        statusCode: 200,
        headers: { 'Access-Control-Allow-Origin': 'https://evil.example' },
        body: 'x',
      }),
      { cors },
    );
    const answer = await fetch(`${url}/`, { headers: { origin: 'https://shop.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(answer.headers.get('access-control-expose-headers')).toBe('retry-after');
    expect((await fetch(`${url}/`)).headers.has('access-control-allow-origin')).toBe(false);
  });

  test('without it, OPTIONS is a request like any other', async () => {
    const url = await serve();
    await preflight(url, 'https://shop.example');
    expect(invoked.map(({ id }) => id)).toEqual(['NotFound']);
  });
});
