/** Fetching a restored photo: what is taken, and every refusal. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fetchOutput } from '../../lambdas/restoration/store-restored/fetch-output.ts';

let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => answer(request, response));
let host = '';

beforeEach(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

const get = (address = `http://${host}/out.png`, limits = {}) =>
  fetchOutput(address, { allowedHosts: [host, 'replicate.delivery'], maxBytes: 1000, ...limits });
const picture = Buffer.alloc(1000, 7);

test('a picture comes with its type, its length and all its bytes', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': picture.length }).end(picture);
  };
  const { stream, contentType, contentLength } = await get();
  expect({ contentType, contentLength }).toEqual({ contentType: 'image/png', contentLength: 1000 });
  expect((await buffer(stream)).equals(picture)).toBe(true);
});

test.each([
  'https://elsewhere.example/out.png',
  'https://replicate.delivery.elsewhere.example/out.png',
  'https://notreplicate.delivery/out.png',
  'https://replicate.delivery:8443/out.png',
  'https://someone@replicate.delivery/out.png',
  'http://replicate.delivery/out.png',
  'http://127.0.0.1:1/out.png',
  'file:///etc/hostname',
  'not an address',
])('%s is refused without a call', async (address) => {
  await expect(get(address)).rejects.toMatchObject({ code: 'output_refused', kind: 'permanent' });
});

test('a redirect is refused, even to the same host', async () => {
  answer = (_request, response) => response.writeHead(302, { location: `http://${host}/other.png` }).end();
  await expect(get()).rejects.toMatchObject({ code: 'output_refused', kind: 'permanent' });
});

test.each([
  [401, 'output_unavailable'],
  [403, 'output_unavailable'],
  [404, 'output_gone'],
  [410, 'output_gone'],
  [429, 'output_unavailable'],
  [500, 'output_unavailable'],
  [204, 'output_unavailable'],
])('status %i means %s, which is worth another try', async (status, code) => {
  answer = (_request, response) => response.writeHead(status).end();
  await expect(get()).rejects.toMatchObject({ code, kind: 'retry' });
});

test('a picture announced as too large is refused before it is read', async () => {
  answer = (_request, response) => response.writeHead(200, { 'content-length': 1001 }).write(picture);
  await expect(get()).rejects.toMatchObject({ code: 'output_too_large', kind: 'permanent' });
});

test('a picture that turns out too large is refused while it is read', async () => {
  answer = (_request, response) => {
    response.write(picture);
    response.end('more');
  };
  const { stream, contentLength } = await get();
  expect(contentLength).toBeUndefined();
  await expect(buffer(stream)).rejects.toMatchObject({ code: 'output_too_large', kind: 'permanent' });
});

test('a connection cut before the end is not taken for the whole picture', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write(picture.subarray(0, 500), () => response.destroy());
  };
  const read = get().then(({ stream }) => buffer(stream));
  await expect(read).rejects.toMatchObject({ code: 'output_unavailable', kind: 'retry' });
});

test('a host that does not answer in time is tried again later', async () => {
  answer = () => undefined;
  await expect(get(undefined, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'output_unavailable' });
});

test('a transfer that stops in the middle is ended in time', async () => {
  answer = (_request, response) => response.writeHead(200).write(picture.subarray(0, 10));
  const read = get(undefined, { timeoutMs: 200 }).then(({ stream }) => buffer(stream));
  await expect(read).rejects.toMatchObject({ code: 'output_unavailable', kind: 'retry' });
});

test('a caller who gives up ends the transfer', async () => {
  answer = (_request, response) => response.writeHead(200).write(picture.subarray(0, 10));
  const giveUp = new AbortController();
  const { stream } = await get(undefined, { signal: giveUp.signal });
  giveUp.abort();
  await expect(buffer(stream)).rejects.toMatchObject({ code: 'output_unavailable' });
});
