/**
 * Bad files, hurried checkouts and odd webhooks: each is told what it is, and the same customer's
 * order is restored all the same.
 */
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { z } from 'zod';
import * as customer from '../../demo/customer.ts';
import { openShop, type Shop } from './shop.ts';
import { ada, ended, openSystem, photo, type TestSystem } from './system.ts';

let system: TestSystem;
let shop: Shop;
beforeAll(async () => {
  system = await openSystem();
  shop = openShop(system);
});
afterAll(() => system?.close());

/** A few kilobytes that declare 64,250 × 64,250 pixels, all of them black. */
function hugePng(): Buffer {
  const side = 64_250;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const row = Buffer.alloc(1 + Math.ceil(side / 8));
  const data = deflateSync(Buffer.concat(Array<Buffer>(600).fill(row)));
  const chunk = (type: string, bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, Buffer.from(type), bytes, Buffer.alloc(4)]);
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** As an iPhone's: the container is AVIF's, the brand is another. */
async function heic(): Promise<Buffer> {
  const avif = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'teal' } })
    .avif()
    .toBuffer();
  return Buffer.from(avif.toString('latin1').replaceAll('avif', 'heic'), 'latin1');
}

const session = z.object({
  sessionId: z.string(),
  photos: z.array(
    z.object({ upload: z.object({ url: z.string(), fields: z.record(z.string(), z.string()) }) }),
  ),
});

/** Announces photos of 1 kB each. */
async function announced(...names: string[]) {
  const answer = await shop.announce(...names.map((name) => ({ name, type: 'image/jpeg', size: 1000 })));
  return session.parse(await answer.json());
}

function postBytes({ photos }: z.infer<typeof session>, at: number, bytes: Uint8Array<ArrayBuffer>) {
  const { url = '', fields = {} } = photos[at]?.upload ?? {};
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([bytes]), 'photo.jpg');
  return fetch(url, { method: 'POST', body: form });
}

describe('an upload that takes longer than its addresses live', () => {
  test('goes on at fresh ones, for the photos that are still missing', async () => {
    const slow = await announced('quick.jpg', 'slow.jpg');
    const { bytes } = await photo('quick.jpg', 7);
    const body = new Uint8Array(bytes);
    expect((await postBytes(slow, 0, body)).status).toBe(204);
    await system.until(
      async () => (await shop.ask('GET', `/api/upload/${slow.sessionId}`)).text(),
      (state) => state.includes('"arrived"'),
    );
    system.clock.advance(3 * 3_600_000);
    expect((await postBytes(slow, 1, body)).status).toBe(403);
    const answer = await shop.post(`/api/upload/${slow.sessionId}/renew`, {});
    const renewed = session.parse(await answer.json());
    expect(renewed.photos).toHaveLength(1);
    expect((await postBytes(renewed, 0, body)).status).toBe(204);
    const state = await customer.arrived(system.at, slow.sessionId);
    expect(state.photos.map((each) => each.state)).toEqual(['arrived', 'arrived']);
  });
});

describe('a file that is no photo', () => {
  test('is refused by name with what to do, and the photo beside it is sold and restored', async () => {
    const jpeg = (name: string, bytes: Buffer): customer.Photo => ({ name, type: 'image/jpeg', bytes });
    const photos = [
      jpeg('invoice.jpg', Buffer.from('%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n')),
      jpeg('logo.jpg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')),
      jpeg('iphone.jpg', await heic()),
      jpeg('bomb.jpg', hugePng()),
      await photo('Grandma.jpg'),
    ];
    expect(photos[3]?.bytes.length).toBeLessThan(6000);
    const sessionId = await customer.upload(system.at, photos, ada.email, () => {});
    const { photos: seen, price } = await customer.arrived(system.at, sessionId);
    const told = seen.map(({ name, state, detail = '' }) => [name, state, detail.split('. ')[0]]);
    expect(Object.fromEntries(told.map(([name, ...rest]) => [name, rest]))).toEqual({
      'invoice.jpg': ['refused', 'This file is not a photo, whatever its name says'],
      'logo.jpg': ['refused', 'This is a drawing (SVG), not a photo'],
      'iphone.jpg': ['refused', 'This is a HEIC photo'],
      'bomb.jpg': ['refused', 'This picture has more pixels than we can restore'],
      'Grandma.jpg': ['arrived', ''],
    });
    expect(price.total).toBe('4.99');
    const order = await customer.claim(system.at, await customer.pay(system.at, sessionId, ada));
    const { status, photos: sold } = await ended(system, order);
    expect([status, ...sold.map(({ name, state }) => [name, state])]).toEqual([
      'completed',
      ['Grandma.jpg', 'restored'],
    ]);
  });
});

describe('the storage', () => {
  test('takes neither a byte more than was announced nor an empty file, and then takes the right one', async () => {
    const waiting = await announced('Grandma.jpg');
    const tooLarge = await postBytes(waiting, 0, new Uint8Array(1001));
    expect([tooLarge.status, await tooLarge.text()]).toEqual([
      400,
      expect.stringContaining('EntityTooLarge'),
    ]);
    const empty = await postBytes(waiting, 0, new Uint8Array());
    expect([empty.status, await empty.text()]).toEqual([400, expect.stringContaining('EntityTooSmall')]);
    const { bytes } = await photo('Grandma.jpg');
    expect((await postBytes(waiting, 0, new Uint8Array(bytes))).status).toBe(204);
    const { photos } = await customer.arrived(system.at, waiting.sessionId);
    expect(photos.map(({ state }) => state)).toEqual(['arrived']);
  });
});

describe('a checkout while photos arrive', () => {
  test('names them; without them it sells what has arrived', async () => {
    const hurried = await announced('here.jpg', 'late.jpg');
    await postBytes(hurried, 0, new Uint8Array((await photo('here.jpg', 5)).bytes));
    await system.until(
      async () =>
        (
          await system.pool.query(
            'select from restoreclick.file_uploads where status = $1 and upload_session_id = $2',
            ['uploaded', hurried.sessionId],
          )
        ).rowCount,
      (count) => count === 1,
    );
    const { sessionId } = hurried;
    const refused = await shop.post('/api/checkout', { sessionId });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ photos: ['late.jpg'] });
    const accepted = await shop.post('/api/checkout', { sessionId, onlyArrived: true });
    expect(accepted.status).toBe(201);
    expect(await accepted.json()).toMatchObject({ photos: 1 });
  });
});

describe('a webhook', () => {
  test.each([
    ['as text', {}],
    [
      'in base64, as API Gateway hands over what it takes for binary',
      { 'content-type': 'application/octet-stream' },
    ],
  ])('with umlauts is accepted %s', async (_how, headers) => {
    const event = {
      id: 'evt_1',
      type: 'customer.created',
      data: { object: { id: 'cus_1', name: 'Zoë Größe 🎞' } },
    };
    const answer = await shop.fromStripe(event, { headers });
    expect([answer.status, await answer.json()]).toEqual([200, { received: true }]);
    const old = await shop.fromStripe(event, { headers, age: 600 });
    expect(old.status).toBe(400);
  });
});

describe('a browser', () => {
  test('may ask beforehand whether it may ask, on every route', async () => {
    for (const path of ['/api/upload', '/api/orders/1', '/nowhere']) {
      const answer = await shop.ask('OPTIONS', path, {
        headers: { origin: 'https://restoreclick.com', 'access-control-request-method': 'POST' },
      });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    }
  });
});
