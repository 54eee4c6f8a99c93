import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type ApiCall, apiEvent, sqsEvent } from './aws.ts';
import { type Edges, failuresOf, type Row, replaceEdges } from './edges.ts';
import { replaceS3 } from './s3.ts';

const openLink = await import('../../lambdas/download/open-link/handler.ts');
const createLink = await import('../../lambdas/download/create-link/handler.ts');
const buildArchive = await import('../../lambdas/download/build-archive/handler.ts');
const getOrder = await import('../../lambdas/order/get-order/handler.ts');
const reconcile = await import('../../lambdas/operations/reconcile/handler.ts');
const { archiveKey } = await import('../../lambdas/platform/object-keys.ts');
const { tokenHash } = await import('../../lambdas/download/token.ts');
const { orderKey } = await import('../../lambdas/platform/order-key.ts');

const orderId = '6f1c2b1e-0000-4000-8000-00000000000b';
const imageId = '6f1c2b1e-0000-4000-8000-00000000000c';
const linkId = '6f1c2b1e-0000-4000-8000-00000000000e';
const token = 'x'.repeat(43);
const archive = `restored/${archiveKey(orderId, [imageId])}`;

let edges: Edges;
let s3: ReturnType<typeof replaceS3>;
beforeEach(() => {
  edges = replaceEdges();
  s3 = replaceS3();
});
afterEach(() => void jest.restoreAllMocks());

const withKey = async (key?: string) => ({
  path: { order: orderId },
  headers: { authorization: `Bearer ${key ?? (await orderKey('arn:order-key', orderId, 1))}` },
});

describe('open-link', () => {
  const open = 'download/open-link/open';
  const row = (more: Row = {}): Row => ({
    linkId,
    orderId,
    withheld: null,
    shared: false,
    expired: false,
    spent: false,
    single: true,
    counted: true,
    orderNumber: '20260101-000001',
    imageId,
    imageType: 'restored',
    storageBucket: 'restored',
    storagePath: 'uploads/restored/o/i.png',
    format: 'png',
    originalFilename: 'Zoë "; evil.jpg',
    ...more,
  });
  const get = (given = token) => openLink.handler(apiEvent({ method: 'GET', path: { token: given } }));
  const asked = async (call: ApiCall) => {
    edges.answer(open, [row()]);
    await openLink.handler(apiEvent({ method: 'GET', path: { token }, ...call }));
    return edges.ran.at(-1)?.params;
  };

  test('redirects to an address of minutes, named as the customer named the photo', async () => {
    edges.answer(open, [row()]);
    const { statusCode, headers } = await get();
    const location = new URL(String(headers?.location));
    expect(statusCode).toBe(302);
    expect(headers).toMatchObject({ 'cache-control': 'private, no-store', 'referrer-policy': 'no-referrer' });
    expect(location.pathname).toBe('/uploads/restored/o/i.png');
    expect(Number(location.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);
    expect(location.searchParams.get('response-content-disposition')).toBe(
      `attachment; filename="photo.png"; filename*=UTF-8''Zo%C3%AB%20%27%3B%20evil%20restored.png`,
    );
    expect(edges.ran).toMatchObject([{ params: { tokenHash: tokenHash(token), archiveReady: false } }]);
  });

  test('gives an original its own name', async () => {
    edges.answer(open, [row({ imageType: 'original', originalFilename: 'a.jpg', format: 'jpg' })]);
    const { headers } = await get();
    expect(new URL(String(headers?.location)).searchParams.get('response-content-disposition')).toMatch(
      /''a\.jpg$/,
    );
  });

  test.each<[string, Row[], number, RegExp]>([
    ['that never was', [], 404, /unknown-link/],
    ['that has expired', [row({ expired: true })], 410, /expired.*your order.*new link/],
    ['that is spent', [row({ spent: true })], 410, /used.*your order.*new link/],
    ['that has expired for the family', [row({ expired: true, shared: true })], 410, /ask the person who/],
    ['that the family has spent', [row({ spent: true, shared: true })], 410, /ask the person who/],
    [
      'of a refunded order, expired or not',
      [row({ withheld: 'refunded', expired: true })],
      410,
      /order-refunded/,
    ],
    ['of a disputed order', [row({ withheld: 'disputed' })], 410, /order-disputed.*bank.*safe with us/],
  ])('answers for a link %s', async (_what, rows, status, words) => {
    edges.answer(open, rows);
    const answer = await get();
    expect(answer.statusCode).toBe(status);
    expect(answer.body).toMatch(words);
  });

  test.each<[string, ApiCall, string]>([
    ['a person', {}, 'whole'],
    ['HEAD', { method: 'HEAD' }, 'look'],
    ['a browser that foretells', { headers: { 'sec-purpose': 'prefetch;prerender' } }, 'look'],
    ['an older one', { headers: { purpose: 'prefetch' } }, 'look'],
    ['Firefox of old', { headers: { 'x-moz': 'prefetch' } }, 'look'],
    ['Safari’s top sites', { headers: { 'x-purpose': 'preview' } }, 'look'],
    ['who tries for parts', { headers: { range: 'bytes=0-0' } }, 'part'],
    ['who resumes', { headers: { range: 'bytes=1048576-' } }, 'part'],
    ['who wants the end', { headers: { range: 'bytes=-500' } }, 'part'],
    ['the first part', { headers: { range: 'bytes=0-1048575' } }, 'part'],
    ['all as a part', { headers: { range: 'bytes=0-' } }, 'part'],
    ['several parts', { headers: { range: 'bytes=0-0,5-9' } }, 'whole'],
    ['what is no range', { headers: { range: 'bytes=-' } }, 'whole'],
    ['another unit', { headers: { range: 'photos=1-2' } }, 'whole'],
  ])('takes %s for what it is', async (_who, call, what) => {
    expect(await asked(call)).toMatchObject({ asked: what });
  });

  test('tells viewers apart, and says nothing of them that holds elsewhere', async () => {
    const viewer = async (call: ApiCall = {}) => String((await asked(call))?.viewer);
    expect(await viewer()).toBe(await viewer({ headers: { range: 'bytes=5-' } }));
    expect(await viewer({ userAgent: 'another' })).not.toBe(await viewer());
    expect(await viewer({ path: { token: 'y'.repeat(43) } })).not.toBe(await viewer());
  });

  test('sends HEAD to the headers of the photo, with the answer of a GET', async () => {
    edges.answer(open, [row()]);
    const { statusCode, headers, body } = await openLink.handler(
      apiEvent({ method: 'HEAD', path: { token } }),
    );
    const { location, ...others } = headers ?? {};
    const { headers: { location: toPhoto, ...same } = {} } = await get();
    expect({ statusCode, body, others }).toEqual({ statusCode: 302, body: undefined, others: same });
    expect(new URL(String(location)).pathname).toBe(new URL(String(toPhoto)).pathname);
    expect(location).not.toBe(toPhoto);
  });

  test('tells HEAD of a spent link, without words', async () => {
    edges.answer(open, [row({ spent: true })]);
    const answer = await openLink.handler(apiEvent({ method: 'HEAD', path: { token } }));
    expect(answer).toMatchObject({
      statusCode: 410,
      headers: { 'content-type': 'application/problem+json' },
    });
    expect(answer).not.toHaveProperty('body');
  });

  test('asks no database about what was never a token', async () => {
    expect(await get('../../etc')).toMatchObject({ statusCode: 404 });
    expect(edges.ran).toEqual([]);
  });

  test('asks for an archive that is not built yet, uncounted', async () => {
    edges.answer(open, [row({ single: false, counted: false })]);
    const answer = await get();
    expect(answer).toMatchObject({ statusCode: 202, headers: { 'retry-after': expect.any(String) } });
    expect(edges.sent).toEqual([{ to: 'build-archive', message: { linkId }, groupId: orderId }]);
    expect(edges.ran.map(({ params }) => params.archiveReady)).toEqual([false]);
  });

  test('counts and hands out an archive that is there', async () => {
    s3.put(archive, Buffer.from('zip'));
    edges.answer(open, [row({ single: false })]);
    expect(await get()).toMatchObject({ statusCode: 302 });
    expect(edges.ran.map(({ params }) => params.archiveReady)).toEqual([false, true]);
  });

  test('hands out no archive when somebody was quicker to the last download', async () => {
    s3.put(archive, Buffer.from('zip'));
    edges.answer(open, ({ archiveReady }) => [row({ single: false, spent: archiveReady === true })]);
    expect(await get()).toMatchObject({ statusCode: 410 });
  });
});

describe('create-link', () => {
  const create = 'download/create-link/create';
  const link = [
    { withheld: null, spent: false, linkId, expiresAt: '2026-01-08T00:00:00Z', maxDownloads: 10 },
  ];
  const none = { withheld: null, spent: false, linkId: null, expiresAt: null, maxDownloads: null };
  const post = async (body: object, key?: string) =>
    createLink.handler(apiEvent({ ...(await withKey(key)), body: JSON.stringify(body) }));

  test('answers the token once and stores its hash', async () => {
    edges.answer(create, link);
    const answer = await post({ type: 'single_image', imageId });
    expect(answer.statusCode).toBe(201);
    const { url } = JSON.parse(answer.body ?? '{}');
    const given = String(url).replace('https://api.example/download/', '');
    expect(edges.paramsOf(create)).toMatchObject({ orderId, imageId, tokenHash: tokenHash(given) });
    expect(JSON.stringify(edges.ran)).not.toContain(given);
    expect(edges.sent).toEqual([]);
  });

  test('has an archive built at once', async () => {
    edges.answer(create, link);
    await post({ type: 'zip_all' });
    expect(edges.sent).toEqual([{ to: 'build-archive', message: { linkId }, groupId: orderId }]);
  });

  test.each([
    ['zip_all', false, 409, 'nothing-restored'],
    ['single_image', false, 404, 'unknown-photo'],
    ['single_image', true, 409, 'link-limit'],
  ])('of type %s, where it is %s that there are enough, is a %d %s', async (type, spent, status, problem) => {
    edges.answer(create, [{ ...none, spent }]);
    const answer = await post({ type, imageId });
    expect(answer).toMatchObject({ statusCode: status, body: expect.stringContaining(problem) });
  });

  test('with a key that was revoked finds no order', async () => {
    edges.answer(create, []);
    const answer = await post({ type: 'zip_all' });
    expect(answer).toMatchObject({ statusCode: 404, body: expect.stringContaining('unknown-order') });
  });

  test.each(['refunded', 'disputed'])('of a %s order is a 410 in words', async (withheld) => {
    edges.answer(create, [{ ...none, withheld }]);
    const answer = await post({ type: 'zip_all' });
    expect(answer).toMatchObject({ statusCode: 410, body: expect.stringContaining(`order-${withheld}`) });
    expect(edges.sent).toEqual([]);
  });

  test.each(['', 'x'.repeat(43)])('with the key “%s” finds no order', async (key) => {
    expect(await post({ type: 'zip_all' }, key)).toMatchObject({ statusCode: 404 });
    expect(edges.ran).toEqual([]);
  });
});

describe('build-archive', () => {
  const deliver = async () => failuresOf(await buildArchive.handler(sqsEvent({ linkId })));
  const photo = {
    orderId,
    withheld: null,
    buildId: orderId,
    taken: true,
    imageId,
    storageBucket: 'restored',
    storagePath: 'gone.png',
    format: 'png',
    originalFilename: 'a.jpg',
    size: 3,
    crc32: 0,
    restoredAt: '2026-01-01T00:00:00Z',
  };
  const hold = 'download/build-archive/hold';

  test('leaves to its holder what another run is building', async () => {
    edges.answer('download/build-archive/archive', [{ ...photo, taken: false }]);
    expect(await deliver()).toEqual([]);
    expect(s3.calls).toEqual([`HeadObject ${archive}`]);
  });

  test('gives back what it could not build, so that the next run need not wait', async () => {
    edges.answer('download/build-archive/archive', [photo]);
    edges.answer(hold, [{ id: orderId }]);
    s3.fail('ListMultipartUploads', 503);
    expect(await deliver()).toEqual(['message-0']);
    const { holder } = edges.paramsOf('download/build-archive/archive') ?? {};
    expect(edges.paramsOf(hold)).toMatchObject({ buildId: orderId, holder, leaseSeconds: 0 });
  });

  test('builds nothing twice', async () => {
    edges.answer('download/build-archive/archive', [photo]);
    s3.put(archive, Buffer.from('zip'));
    expect(await deliver()).toEqual([]);
    expect(s3.calls).toEqual([`HeadObject ${archive}`]);
  });

  test('builds nothing of photos that are withheld, and does not come again', async () => {
    edges.answer('download/build-archive/archive', [{ ...photo, withheld: 'disputed' }]);
    expect(await deliver()).toEqual([]);
    expect(s3.calls).toEqual([]);
  });

  test('comes again for a link that opens nothing', async () => {
    edges.answer('download/build-archive/archive', []);
    expect(await deliver()).toEqual(['message-0']);
  });
});

describe('get-order', () => {
  test('says how far each photo is, in the customer’s words', async () => {
    const row = {
      orderId,
      orderNumber: 'N',
      orderStatus: 'processing',
      paymentStatus: 'paid',
      currency: 'USD',
      totalAmount: '10.00',
      createdAt: '2026-01-01T00:00:00Z',
      completedAt: null,
      parentImageId: null,
      name: 'a.jpg',
      width: 1,
      height: 1,
    };
    edges.answer('order/get-order/order', [
      { ...row, imageId, imageStatus: 'completed' },
      { ...row, imageId: linkId, imageStatus: 'completed', parentImageId: imageId, width: 3, height: 2 },
      { ...row, imageId: orderId, name: 'b.jpg', imageStatus: 'processing' },
    ]);
    const answer = await getOrder.handler(apiEvent({ method: 'GET', ...(await withKey()) }));
    expect(JSON.parse(answer.body ?? '{}').photos).toEqual([
      { id: imageId, name: 'a.jpg', state: 'restored', restored: { id: linkId, width: 3, height: 2 } },
      { id: orderId, name: 'b.jpg', state: 'restoring' },
    ]);
  });

  test.each([
    ['another order’s key', { path: { order: imageId } }],
    ['no order’s id', { path: { order: 'x' } }],
  ])('answers %s with the same 404', async (_what, other) => {
    const answer = await getOrder.handler(apiEvent({ method: 'GET', ...(await withKey()), ...other }));
    expect(answer).toMatchObject({ statusCode: 404, body: expect.stringContaining('unknown-order') });
    expect(edges.ran).toEqual([]);
  });
});

describe('reconcile', () => {
  const row = (what: string, more: Row = {}): Row => ({
    what,
    id: imageId,
    orderId,
    since: '2026-01-01T00:00:00Z',
    attempt: null,
    storagePath: null,
    uploadPath: null,
    etag: null,
    ...more,
  });
  const photo = { storagePath: 'originals', uploadPath: 'temp', etag: 'tag' };
  const keep = { orderId, imageId, uploadKey: 'temp', uploadEtag: 'tag', originalKey: 'originals' };

  test.each<[string, Row, object[]]>([
    ['photo not kept', photo, [{ to: 'keep-original', message: keep, groupId: orderId }]],
    ['photo without job', photo, [{ to: 'keep-original', message: keep, groupId: orderId }]],
    ['photo not kept', {}, []],
    ...['pending', 'queued', 'processing'].map((status): [string, Row, object[]] => [
      `job ${status}`,
      { attempt: 2 },
      [{ to: 'submit-job', message: { jobId: imageId, attempt: 2 }, groupId: orderId }],
    ]),
    [
      'email sending',
      { attempt: 1 },
      [{ to: 'send-email', message: { emailId: imageId }, groupId: orderId }],
    ],
    ['order not ended', {}, [{ to: 'complete-order', message: { orderId }, groupId: orderId }]],
  ])('sends for “%s” the message that goes on with it', async (what, more, sent) => {
    edges.answer('operations/reconcile/expire', [{ expired: 3 }]);
    edges.answer('operations/reconcile/stuck', [row(what, more)]);
    edges.answer('operations/reconcile/faults', []);
    edges.answer('operations/reconcile/archive', [{ moved: 0 }]);
    expect(await reconcile.handler()).toEqual({ expired: 3, stuck: 1, inconsistent: 0, archived: 0 });
    expect(edges.sent).toEqual(sent);
    expect(edges.log.lines()[0]).toMatchObject({ level: 'warn', what, sentAgain: sent.length > 0 });
  });

  test('reports what must never be, each with a line that the alarm counts', async () => {
    edges.answer('operations/reconcile/expire', [{ expired: 0 }]);
    edges.answer('operations/reconcile/stuck', []);
    edges.answer('operations/reconcile/faults', [{ what: 'w', id: imageId, orderId }]);
    edges.answer('operations/reconcile/archive', [{ moved: 0 }]);
    expect(await reconcile.handler()).toMatchObject({ inconsistent: 1 });
    expect(edges.log.lines()[0]).toMatchObject({
      level: 'error',
      message: 'inconsistent',
      what: 'w',
      id: imageId,
      orderId,
    });
    expect(edges.sent).toEqual([]);
  });

  test.each([
    ['until a batch is empty', [2000, 7, 2000], 4, 4007],
    ['and leaves the rest to the next run', Array.from({ length: 99 }, () => 2000), 50, 100_000],
  ])('archives the audit batch by batch, %s', async (_, batches, runs, archived) => {
    edges.answer('operations/reconcile/expire', [{ expired: 0 }]);
    edges.answer('operations/reconcile/stuck', []);
    edges.answer('operations/reconcile/faults', []);
    const left = [...batches];
    edges.answer('operations/reconcile/archive', () => [{ moved: left.shift() ?? 0 }]);
    expect(await reconcile.handler()).toMatchObject({ archived });
    expect(edges.statements().filter((name) => name.endsWith('/archive'))).toHaveLength(runs);
    expect(edges.paramsOf('operations/reconcile/archive')).toMatchObject({ retentionDays: 400, batch: 2000 });
  });
});
