/** The upload flow's statements: what they write, answer, and leave alone. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { place } from '../../lambdas/payment/place-order/place.sql';
import { create } from '../../lambdas/upload/create-session/create.sql';
import { expire } from '../../lambdas/upload/expire-uploads/expire.sql';
import { session as readSession } from '../../lambdas/upload/get-session/session.sql';
import { record } from '../../lambdas/upload/record-upload/record.sql';
import { refuse } from '../../lambdas/upload/record-upload/refuse.sql';
import { nobody, paymentOf, type Session } from '../../schema/samples/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { day, type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

const first = ({ sessionId, uploads: [upload] }: Session) => {
  if (!upload) throw new Error('A session without photos.');
  return {
    uploadId: upload.id,
    sessionId,
    etag: upload.etag,
    size: 1000,
    mimeType: 'image/jpeg',
    width: 40,
    height: 30,
  };
};
const refusal = (session: Session) => {
  const { uploadId, sessionId, etag, size } = first(session);
  return { uploadId, sessionId, etag, size, refusalCode: 'not_a_photo' };
};
const expiry = (session: Session) => {
  const { uploadId, sessionId } = first(session);
  return { uploadId, sessionId };
};
const uploadsOf = ({ sessionId }: Session) =>
  shop.rows('select * from file_uploads where upload_session_id = $1', [sessionId]);

describe('create-session', () => {
  const photo = {
    id: '00000000-0000-4000-8000-000000000001',
    name: 'ä;b.jpg',
    path: 'p',
    size: 5,
    type: 't',
  };
  const params = {
    ...nobody,
    sessionId: 'one',
    customerEmail: 'ADA@example.com',
    expirySeconds: 86_400,
    photos: JSON.stringify([photo]),
  };

  test('keeps the photos in the order in which they were announced, whatever their ids and names', async () => {
    const ids = ['c', 'a', 'b'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
    const photos = ids.map((id, index) => ({ ...photo, id, name: `${9 - index}.jpg` }));
    await shop.run(create, { ...params, sessionId: 'ordered', photos: JSON.stringify(photos) });
    const rows = await shop.run(readSession, { sessionId: 'ordered' });
    expect(rows.map(({ id }) => id)).toEqual(ids);
  });

  test('writes each photo as pending, with its name as data and its address in lower case', async () => {
    const [row] = await shop.run(create, params);
    expect(Date.parse(row?.expiresAt ?? '') - Date.now()).toBeGreaterThan(0.99 * day);
    expect(await shop.rows(`select * from file_uploads where upload_session_id = 'one'`)).toEqual([
      expect.objectContaining({
        id: photo.id,
        status: 'pending',
        original_filename: 'ä;b.jpg',
        customer_email: 'ada@example.com',
        file_size_bytes: '5',
        etag: null,
      }),
    ]);
  });

  test('writes all photos or none', async () => {
    const photos = [{ ...photo, id: '00000000-0000-4000-8000-000000000002' }, photo];
    await expect(
      shop.run(create, { ...params, sessionId: 'two', photos: JSON.stringify(photos) }),
    ).rejects.toMatchObject({ code: '23505' });
    expect(await shop.rows(`select id from file_uploads where upload_session_id = 'two'`)).toEqual([]);
  });
});

describe('record-upload', () => {
  test('records what lies there, once', async () => {
    const session = await shop.announced(1);
    const answered = await shop.run(record, first(session));
    expect(answered).toEqual([{ statusBefore: 'pending' }]);
    expect(await uploadsOf(session)).toEqual([
      expect.objectContaining({ status: 'uploaded', width: 40, height: 30, etag: first(session).etag }),
    ]);
    expect(
      await shop.written(async () =>
        expect(await shop.run(record, first(session))).toEqual([{ statusBefore: 'uploaded' }]),
      ),
    ).toEqual([]);
  });

  test('takes a later object under the same key until a checkout sells the photo', async () => {
    const session = await shop.arrived(1);
    const again = { ...first(session), etag: '"another"' };
    expect(await shop.run(record, again)).toEqual([{ statusBefore: 'uploaded' }]);
    await shop.checkOut(session);
    expect(await shop.run(record, first(session))).toEqual([{ statusBefore: 'uploaded' }]);
    expect(await uploadsOf(session)).toEqual([expect.objectContaining({ etag: '"another"' })]);
  });

  test('refuses what is no photo and says so again when asked again', async () => {
    const session = await shop.announced(1);
    expect(await shop.run(refuse, refusal(session))).toEqual([{ statusBefore: 'pending' }]);
    expect(await uploadsOf(session)).toEqual([
      expect.objectContaining({ status: 'deleted', refusal_code: 'not_a_photo' }),
    ]);
    expect(await shop.run(refuse, refusal(session))).toEqual([{ statusBefore: 'deleted' }]);
    expect(await shop.run(record, first(session))).toEqual([{ statusBefore: 'deleted' }]);
  });

  test('refuses no photo that is being sold', async () => {
    const session = await shop.arrived(1);
    await shop.checkOut(session);
    expect(await shop.run(refuse, refusal(session))).toEqual([{ statusBefore: 'uploaded' }]);
    expect(await uploadsOf(session)).toEqual([
      expect.objectContaining({ status: 'uploaded', refusal_code: null }),
    ]);
  });

  test.each([
    ['another session', { sessionId: 'another' }],
    ['an unknown photo', { uploadId: '00000000-0000-4000-8000-00000000dead' }],
  ])('answers no row for %s', async (_, wrong) => {
    const session = await shop.announced(1);
    expect(await shop.run(record, { ...first(session), ...wrong })).toEqual([]);
    expect(await shop.run(refuse, { ...refusal(session), ...wrong })).toEqual([]);
    expect(await uploadsOf(session)).toEqual([expect.objectContaining({ status: 'pending' })]);
  });
});

describe('expire-uploads', () => {
  test.each(['announced', 'arrived'] as const)('expires a photo that is %s, once', async (stage) => {
    const session = await shop[stage](1);
    expect(await shop.run(expire, expiry(session))).toEqual([{ expired: 1 }]);
    expect(await shop.run(expire, expiry(session))).toEqual([{ expired: 0 }]);
    expect(await uploadsOf(session)).toEqual([expect.objectContaining({ status: 'expired' })]);
  });

  test('leaves a sold photo alone, kept or not', async () => {
    for (const order of [await shop.placed({ count: 1 }), await shop.kept({ count: 1 })])
      expect(await shop.run(expire, expiry(order))).toEqual([{ expired: 0 }]);
  });

  test('leaves a refused photo and another session alone', async () => {
    const session = await shop.announced(1);
    expect(await shop.run(expire, { ...expiry(session), sessionId: 'another' })).toEqual([{ expired: 0 }]);
    await shop.run(refuse, refusal(session));
    expect(await shop.run(expire, expiry(session))).toEqual([{ expired: 0 }]);
  });
});

describe('get-session', () => {
  test('tells each photo apart, from announced to sold', async () => {
    const session = await shop.announced(2);
    const state = async (aheadMs = 0) =>
      (await shop.run(readSession, { sessionId: session.sessionId }, { aheadMs })).map(
        ({ status, late, ordered }) => ({ status, late, ordered }),
      );
    const fresh = { late: false, ordered: false };
    expect(await state()).toEqual([
      { ...fresh, status: 'pending' },
      { ...fresh, status: 'pending' },
    ]);
    expect(await state(2 * day)).toContainEqual({ ...fresh, status: 'pending', late: true });
    await shop.arrive(session);
    const checkout = await shop.checkOut(session);
    expect(await state(day)).toContainEqual({ ...fresh, status: 'uploaded' });
    await shop.run(place, paymentOf(checkout));
    expect(await state()).toContainEqual({
      status: 'uploaded',
      late: false,
      ordered: true,
    });
  });

  test('answers no row for a session that never was', async () => {
    expect(await shop.run(readSession, { sessionId: 'never' })).toEqual([]);
  });
});
