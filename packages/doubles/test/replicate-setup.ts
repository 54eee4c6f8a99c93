/** A local Replicate for one test file, a photo server and an ear for webhooks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createClock, createStore } from '@restoreclick/local-aws';
import sharp from 'sharp';
import { createReplicate } from '../replicate/index.ts';

export const apiToken = 'r8_test';
export const model = 'flux-kontext-apps/restore-image';

export type Heard = { headers: Record<string, string>; body: string };

/** Starts them; `close` ends all and removes the files. */
export async function startReplicate({ seconds = 0, store = createStore() } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'replicate-'));
  const clock = createClock();
  const start = () =>
    createReplicate({ store, folder, clock, port: 0, apiToken, log: () => undefined, seconds });
  const double = await start();
  const outside = await startOutside();
  const state = { double };
  return {
    clock,
    folder,
    url: () => state.double.url,
    photoUrl: outside.url,
    /** Resolves with the next webhook that a prediction of this photo sends. */
    hear: outside.hear,
    async restart() {
      await state.double.close();
      state.double = await start();
    },
    order: (fault: Record<string, unknown>) =>
      fetch(`${state.double.url}/double/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(fault),
      }),
    async ordered(): Promise<unknown> {
      return (await fetch(`${state.double.url}/double/faults`)).json();
    },
    async close() {
      await state.double.close();
      outside.server.closeAllConnections();
      outside.server.close();
      clock.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** GET serves a small photo (`/broken…` no photo, `/gone…` nothing); POST is a webhook. */
async function startOutside() {
  const photo = await sharp({ create: { width: 60, height: 40, channels: 3, background: '#a08050' } })
    .composite([{ input: Buffer.from('<svg width="60" height="40"><circle cx="30" cy="20" r="12"/></svg>') }])
    .jpeg()
    .toBuffer();
  const heard: Heard[] = [];
  const waiting: ((heard: Heard) => void)[] = [];
  const server: Server = createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return; // The double was closed while it spoke.
    if (request.method === 'POST') {
      const webhook = { headers: request.headers as Record<string, string>, body };
      const listener = waiting.shift();
      if (listener) listener(webhook);
      else heard.push(webhook);
      response.end();
      return;
    }
    if (request.url?.startsWith('/gone')) response.writeHead(404);
    response.end(request.url?.startsWith('/broken') ? 'no photo' : photo);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hear: () =>
      new Promise<Heard>((resolve) => {
        const webhook = heard.shift();
        if (webhook) resolve(webhook);
        else waiting.push(resolve);
      }),
  };
}
