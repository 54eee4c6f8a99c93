/** What phones and old programs send: sold as what it is, or refused before anybody has paid. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import * as customer from '../../demo/customer.ts';
import {
  askForCheckout,
  ended,
  openSystem,
  payer,
  placeOrder,
  type TestSystem,
  uploadPhotos,
} from './system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await openSystem();
});
afterAll(() => system?.close());

const fixtures = join(import.meta.dirname, '../fixtures/pictures');
const types: Record<string, string> = { jpg: 'image/jpeg', png: 'image/png', webp: 'image/webp' };

async function cases(): Promise<customer.Photo[]> {
  const names = (await readdir(fixtures)).filter((name) => !name.endsWith('.md'));
  return Promise.all(
    names.map(async (name) => ({
      name,
      type: types[name.split('.')[1] ?? ''] ?? '',
      bytes: await readFile(join(fixtures, name)),
    })),
  );
}

type Seen = { name: string; state: string; reason?: string; width?: number; height?: number };

async function seen(sessionId: string): Promise<Seen[]> {
  const answer = await fetch(`${system.at.api}/api/upload/${sessionId}`);
  return ((await answer.json()) as { photos: Seen[] }).photos;
}

describe('of the pictures that must be taken and of those that must not', () => {
  test('each is sold upright or refused, and a checkout sells the sound ones', async () => {
    const sessionId = await uploadPhotos(system, await cases(), payer('cases'));
    const told = (await seen(sessionId)).map(({ name, state, reason, width, height }) => [
      name,
      state === 'arrived' ? `${width} × ${height}` : `${state}: ${reason}`,
    ]);
    const broken = 'refused: damaged';
    const sound = '360 × 240';
    expect(Object.fromEntries(told)).toEqual({
      'base.jpg': sound,
      'cmyk_noicc.jpg': sound,
      'exif6.jpg': sound,
      'exif6.png': sound,
      'fill1.jpg': sound,
      'fillFirst.jpg': sound,
      'grey16.png': sound,
      'mpo.jpg': sound,
      'samsungSOS.jpg': sound,
      'typical1100.jpg': '1100 × 800',
      'noEOI.jpg': broken,
      'trunc60.jpg': broken,
      'trunc60.png': broken,
      'trunc60.webp': broken,
      'zerotail.jpg': broken,
      'tiny1x1.png': 'refused: too_small',
      'tiny8x8.png': 'refused: too_small',
    });
    const checkout = await askForCheckout(system, sessionId);
    expect([checkout.status, await checkout.json()]).toEqual([201, expect.objectContaining({ photos: 10 })]);
  });
});

describe('a photo whose label is wrong', () => {
  const picture = sharp({ create: { width: 64, height: 48, channels: 3, background: '#486' } });

  test.each([
    ['image/jpg', 'jpeg'],
    ['image/pjpeg', 'jpeg'],
    ['image/JPEG', 'jpeg'],
    ['image/jpeg; charset=binary', 'jpeg'],
    ['image/x-png', 'png'],
    ['image/jpeg', 'webp'],
    ['application/octet-stream', 'png'],
    ['', 'webp'],
  ] as const)('“%s”, is taken as the %s it is', async (type, format) => {
    const bytes = await picture.clone().toFormat(format).toBuffer();
    const sessionId = await uploadPhotos(system, [{ name: 'Grandma.jpg', type, bytes }]);
    expect(await seen(sessionId)).toMatchObject([{ state: 'arrived', width: 64, height: 48 }]);
    const { rows } = await system.pool.query(
      'select mime_type from restoreclick.file_uploads where upload_session_id = $1',
      [sessionId],
    );
    expect(rows).toEqual([{ mime_type: `image/${format}` }]);
  });

  test('is restored, and served as what it is: a PNG that is called .jpg', async () => {
    const bytes = await picture.clone().png().toBuffer();
    const photos = [{ name: 'Grandma.jpg', type: 'image/jpeg', bytes }];
    const order = await placeOrder(system, photos, payer('labels'));
    const { status, photos: restored } = await ended(system, order);
    expect([status, restored.map(({ state }) => state)]).toEqual(['completed', ['restored']]);
    const { rows } = await system.pool.query(
      `select id, storage_path, mime_type, format from restoreclick.images where order_id = $1 and type = 'original'`,
      [order.orderId],
    );
    expect(rows).toEqual([
      expect.objectContaining({
        storage_path: expect.stringMatching(/\.png$/),
        mime_type: 'image/png',
        format: 'png',
      }),
    ]);
    const served = await fetch(await customer.linkTo(system.at, order, rows[0].id));
    expect([served.status, served.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(Buffer.from(await served.arrayBuffer())).toEqual(bytes);
  });
});
