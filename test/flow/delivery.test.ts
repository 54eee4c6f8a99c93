/**
 * How photos reach the customer and the family: shares, links and their limits, archives and the
 * names in them.
 */
import { DeleteObjectCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import { readZip } from '../unit/zip-reader.ts';
import { asOperator, functionOf, injectInto, mailsTo, predictions, rows } from './backstage.ts';
import { ended, openSystem, payer, photo, placeOrder, type TestSystem } from './system.ts';

const names = ['Größmutter „Ω“ "1943".jpg', "=cmd|' !A0.jpg", 'Twin.jpg', 'twin.jpg'];
const by = payer('delivery');

let system: TestSystem;
let order: customer.Order;
let state: customer.OrderState;
beforeAll(async () => {
  system = await openSystem();
  order = await placeOrder(system, await Promise.all(names.map((name, index) => photo(name, index + 1))), by);
  state = await ended(system, order);
  await customer.readMails(system.at, by.email, order.orderNumber, 2);
  await system.quiet();
});
afterAll(() => system?.close());

/** A call for who holds the order's key. */
const asked = (path: string, body: object) =>
  fetch(`${system.at.api}/api/orders/${order.orderId}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${order.key}` },
    body: JSON.stringify(body),
  });

const open = (url: string) => fetch(url, { redirect: 'manual' });

async function newLink(body: object): Promise<string> {
  return ((await (await asked('downloads', body)).json()) as { url: string }).url;
}

/** How often links of a kind have been downloaded, in the order in which they were made. */
const counts = async (linkType: string) =>
  (
    await rows(
      system,
      `select download_count as count from restoreclick.download_links
       where order_id = $1 and link_type = $2 order by created_at, id`,
      [order.orderId, linkType],
    )
  ).map(({ count }) => count);

const namesIn = (archive: Buffer) => [...readZip(archive).keys()];

describe('a link to one photo', () => {
  test('opened while the database wakes up keeps its browser waiting, and opens', async () => {
    const url = await newLink({ type: 'single_image', imageId: state.photos[1]?.restored?.id });
    // The SDK asks three times by itself, within a second.
    system.rdsData.resuming(4);
    expect((await open(url)).status).toBe(302);
  });

  test('opens ten times, however many ask at once, and then answers 410 and how to get another', async () => {
    const imageId = state.photos[0]?.restored?.id;
    const url = await newLink({ type: 'single_image', imageId });
    const before = await counts('single_image');
    const answers = await Promise.all(Array.from({ length: 14 }, () => open(url)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 302)).toHaveLength(10);
    expect(statuses.filter((status) => status === 410)).toHaveLength(4);
    const spent = (await (await open(url)).json()) as { type: string; detail: string };
    expect(spent.type).toBe('urn:restoreclick:problem:link-spent');
    expect(spent.detail).toContain('new link');
    const after = await counts('single_image');
    expect(after.filter((count) => count === 10)).toHaveLength(
      before.filter((count) => count === 10).length + 1,
    );
    expect(Math.max(...after.map(Number))).toBe(10);
  });

  test('is counted once, however many ranges of the photo are then asked for', async () => {
    const url = await newLink({ type: 'single_image', imageId: state.photos[1]?.restored?.id });
    const location = (await open(url)).headers.get('location') ?? '';
    for (const range of ['bytes=0-9', 'bytes=10-19', 'bytes=0-']) {
      const part = await fetch(location, { headers: { range } });
      expect(part.status).toBe(206);
      await part.arrayBuffer();
    }
    const [{ count } = {}] = await rows(
      system,
      `select download_count as count from restoreclick.download_links
       where order_id = $1 order by created_at desc limit 1`,
      [order.orderId],
    );
    expect(count).toBe(1);
  });

  test('is not used up by machines: ten looks and prefetches cost nothing, and parts of one download one', async () => {
    const url = await newLink({ type: 'single_image', imageId: state.photos[1]?.restored?.id });
    const ask = async (init: RequestInit) => (await fetch(url, { redirect: 'manual', ...init })).status;
    const count = async () => (await counts('single_image')).at(-1);
    for (let n = 0; n < 11; n++) {
      expect(await ask({ method: 'HEAD' })).toBe(302);
      expect(await ask({ headers: { 'sec-purpose': 'prefetch' } })).toBe(302);
    }
    expect(await count()).toBe(0);
    for (const range of ['bytes=0-0', 'bytes=0-65535', 'bytes=65536-131071', 'bytes=0-', 'bytes=5-'])
      expect(await ask({ headers: { range } })).toBe(302);
    expect(await count()).toBe(1);
    const whole = await fetch(url);
    expect(whole.status).toBe(200);
    expect(await count()).toBe(2);
  });

  test('tells HEAD what it tells GET, of the photo too', async () => {
    const photoLink = await newLink({ type: 'single_image', imageId: state.photos[1]?.restored?.id });
    const never = `${system.at.api}/download/${'A'.repeat(43)}`;
    for (const url of [photoLink, never]) {
      const [head, get] = [await fetch(url, { method: 'HEAD' }), await fetch(url)];
      const size = (await get.arrayBuffer()).byteLength;
      expect(head.status).toBe(get.status);
      for (const name of ['content-type', 'content-disposition', 'cache-control', 'etag'])
        expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
      if (url === photoLink) expect(head.headers.get('content-length')).toBe(String(size));
      expect(await head.text()).toBe('');
    }
  });

  test('carries the customer’s name for the photo encoded, and nothing of it raw', async () => {
    const german = state.photos.find(({ name }) => name === names[0]);
    const url = await newLink({ type: 'single_image', imageId: german?.restored?.id });
    const file = await fetch(url);
    const disposition = file.headers.get('content-disposition') ?? '';
    expect(disposition).toMatch(/^attachment; filename="photo\.png"; filename\*=UTF-8''[\w%.~-]+$/);
    expect(decodeURIComponent(disposition.split("''")[1] ?? '')).toBe("Größmutter „Ω“ '1943' restored.png");
    expect(file.headers.get('content-type')).toBe('image/png');
    expect(
      Buffer.from(await file.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
  });

  test('is not for who lacks the order’s key, nor for another’s photo, nor for a token never given', async () => {
    const stranger = await fetch(`${system.at.api}/api/orders/${order.orderId}/downloads`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${'0'.repeat(43)}` },
      body: JSON.stringify({ type: 'zip_all' }),
    });
    expect([401, 404]).toContain(stranger.status);
    const other = await placeOrder(system, [await photo('Other.jpg', 9)]);
    const theirs = (await ended(system, other)).photos[0]?.restored?.id;
    expect((await asked('downloads', { type: 'single_image', imageId: theirs })).status).toBe(404);
    expect((await open(`${system.at.api}/download/${'A'.repeat(43)}`)).status).toBe(404);
    expect((await open(`${system.at.api}/download/${'f'.repeat(64)}`)).status).toBe(404);
    expect((await open(`${system.at.api}/download/..%2f`)).status).toBe(404);
  });
});

describe('restored photos', () => {
  test('lie with us, and are there when Replicate has long deleted its own', async () => {
    const url = await newLink({ type: 'single_image', imageId: state.photos[2]?.restored?.id });
    system.clock.advance(2 * 3_600_000);
    const forgotten = await predictions(system, '');
    expect(forgotten.filter(({ output }) => output)).toEqual([]);
    expect((await customer.download(url)).bytes.subarray(1, 4).toString()).toBe('PNG');
    const addresses = await rows(system, 'select public_url, storage_path from restoreclick.images');
    expect(JSON.stringify(addresses)).not.toContain('http');
  });

  test('of an order are its own, however many orders there are', async () => {
    const other = await placeOrder(system, [await photo('Stranger.jpg', 20)]);
    expect((await ended(system, other)).photos.map(({ name }) => name)).toEqual(['Stranger.jpg']);
    const mine = await ended(system, order);
    expect(mine.photos.map(({ name }) => name).sort()).toEqual([...names].sort());
  });

  test('are told of in the order in which their customer chose them', async () => {
    expect(state.photos.map(({ name }) => name)).toEqual(names);
    const [mail] = await mailsTo(system.at, by.email, 'Your photos are restored');
    const attached = mail?.attachments.map(({ filename }) => filename);
    expect(attached).toEqual([
      "Größmutter „Ω“ '1943' restored.png",
      "=cmd-' !A0 restored.png",
      'Twin restored.png',
      'twin restored (2).png',
    ]);
    const [archive = ''] = /Download all[^\n]*\n(\S+)/.exec(mail?.text ?? '')?.slice(1) ?? [];
    await system.quiet();
    expect(namesIn((await customer.download(archive)).bytes)).toEqual(attached);
  });

  test('go along with the mail when they are small, and not into the queue of emails', async () => {
    const [completion] = await rows(
      system,
      `select attachments from restoreclick.email_queue where order_id = $1 and email_type = 'restoration_complete'`,
      [order.orderId],
    );
    const ids = state.photos.map(({ restored }) => ({ imageId: restored?.id }));
    expect(completion?.attachments).toEqual(expect.arrayContaining(ids));
    expect(completion?.attachments).toHaveLength(4);
    const [mail] = await mailsTo(system.at, by.email, 'Your photos are restored');
    expect(mail?.attachments.map(({ filename }) => filename)).toContain("Größmutter „Ω“ '1943' restored.png");
  });
});

/**
 * Deletes the archive of a link as the lifecycle rule does after a week, and tells what builds
 * leave.
 */
async function withoutArchive(url: string) {
  const Bucket = functionOf(system, 'download/build-archive').environment.RESTORED_BUCKET ?? '';
  const location = (await open(url)).headers.get('location') ?? '';
  const Key = decodeURIComponent(new URL(location).pathname).replace(`/${Bucket}/`, '');
  const s3 = new S3Client(asOperator(system));
  await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  const unfinished = new ListMultipartUploadsCommand({ Bucket });
  return {
    unfinished: async () => (await s3.send(unfinished)).Uploads?.length ?? 0,
    close: () => s3.destroy(),
  };
}

/** Milliseconds after which a run that died, or is done, holds its archive no more. */
const afterLease = 16_000;

const timesBuilt = () => system.log.filter((line) => line.includes('"archive built"')).length;

describe('an archive of all photos', () => {
  test('is built once, however many ask for it at once', async () => {
    const url = await newLink({ type: 'zip_all' });
    await system.quiet();
    const storage = await withoutArchive(url);
    system.clock.advance(afterLease);
    const before = timesBuilt();
    const answers = await Promise.all(Array.from({ length: 12 }, () => open(url)));
    // It may be ready before the last of them has asked.
    expect(answers.filter(({ status }) => status === 202).length).toBeGreaterThan(1);
    await system.quiet();
    expect(namesIn((await customer.download(url)).bytes)).toHaveLength(4);
    expect(timesBuilt()).toBe(before + 1);
    storage.close();
  });

  test('not built yet it answers 202 and is not counted; then it opens, with safe and distinct names', async () => {
    const url = await newLink({ type: 'zip_all' });
    await system.quiet();
    const Bucket = functionOf(system, 'download/build-archive').environment.RESTORED_BUCKET ?? '';
    const location = (await open(url)).headers.get('location') ?? '';
    const Key = decodeURIComponent(new URL(location).pathname).replace(`/${Bucket}/`, '');
    // As the lifecycle rule does after a week.
    const s3 = new S3Client(asOperator(system));
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    s3.destroy();
    const waiting = await open(url);
    expect(waiting.status).toBe(202);
    expect(Number(waiting.headers.get('retry-after'))).toBeGreaterThan(0);
    await system.quiet();
    const { name, bytes } = await customer.download(url);
    expect(name).toBe(`RestoreClick ${order.orderNumber}.zip`);
    const inside = namesIn(bytes);
    expect(new Set(inside.map((entry) => entry.toLowerCase())).size).toBe(4);
    expect(inside.join()).not.toMatch(/[/\\<>:"|?*\p{Cc}\p{Bidi_Control}]/u);
    expect(inside).toContain("Größmutter „Ω“ '1943' restored.png");
    const unmeasured = `select id from restoreclick.images where type = 'restored' and crc32 is null`;
    expect(await rows(system, unmeasured, [])).toEqual([]);
    const twins = inside.filter((entry) => entry.toLowerCase().startsWith('twin'));
    expect(twins.filter((entry) => entry.endsWith(' (2).png'))).toHaveLength(1);
    expect((await counts('zip_all')).at(-1)).toBe(2);
  });
});

describe('sharing with the family', () => {
  test('mails everyone once, at most ten people and three rounds; their link opens, and their button stops it', async () => {
    const family = Array.from({ length: 10 }, (_, index) => `family-${index}@example.com`);
    expect((await asked('share', { recipients: [...family, 'one-more@example.com'] })).status).toBe(400);
    expect((await asked('share', { recipients: [] })).status).toBe(400);
    const first = await asked('share', {
      recipients: [...family, 'FAMILY-0@example.com'].slice(1),
      message: 'Look!',
    });
    expect(first.status).toBe(202);
    expect(await first.json()).toEqual({ recipients: 10, roundsLeft: 2 });
    const again = await asked('share', { recipients: family.slice(0, 1) });
    expect(await again.json()).toEqual({ recipients: 1, roundsLeft: 2 });
    for (const cousin of ['cousin-0@example.com', ' Ben&Anna+photos@example.com '])
      expect((await asked('share', { recipients: [cousin] })).status).toBe(202);
    const fourth = await asked('share', { recipients: family.slice(0, 1) });
    expect(fourth.status).toBe(409);
    expect(((await fourth.json()) as { type: string }).type).toBe('urn:restoreclick:problem:share-limit');

    const mails = await system.until(
      () => mailsTo(system.at, 'family-9@example.com'),
      (found) => found.length === 1,
    );
    expect(mails[0]?.text).toContain('Look!');
    await system.quiet();
    expect(await mailsTo(system.at, 'family-0@example.com')).toHaveLength(1);
    expect(await mailsTo(system.at, 'ben&anna+photos@example.com')).toHaveLength(1);
    const [link = ''] = mails.flatMap(customer.downloadLinks);
    expect((await customer.download(link)).name).toMatch(/\.zip$/);
    const shares = await counts('share');
    expect(shares).toHaveLength(12);
    expect(shares.filter((count) => count === 1)).toHaveLength(1);

    // As a mail program does it, without asking.
    const stop = /^<(.*)>$/.exec(mails[0]?.headers['List-Unsubscribe'] ?? '')?.[1] ?? '';
    const form = new URLSearchParams({ 'List-Unsubscribe': 'One-Click' });
    expect((await fetch(stop, { method: 'POST', body: form })).status).toBe(200);
    const other = await placeOrder(system, [await photo('Another.jpg', 30)]);
    await ended(system, other);
    const shared = await fetch(`${system.at.api}/api/orders/${other.orderId}/share`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${other.key}` },
      body: JSON.stringify({ recipients: ['family-9@example.com', 'family-8@example.com'] }),
    });
    expect(await shared.json()).toEqual({ recipients: 2, roundsLeft: 2 });
    await system.quiet();
    expect(await mailsTo(system.at, 'family-9@example.com')).toHaveLength(1);
    expect(await mailsTo(system.at, 'family-8@example.com')).toHaveLength(2);
  });
});

/** The last: a message of a run that died lies in its queue for 90 minutes, which is not quiet. */
describe('an archive', () => {
  const ready = (url: string) =>
    system.until(
      async () => (await open(url)).status,
      (status) => status === 302,
    );

  test.each([
    ['reading a photo', /^GET .*uploads.restored/],
    ['storing it', /^PUT /],
  ])(
    'whose builder died %s is begun again for who asks, and nothing is left of the first',
    async (_what, operation) => {
      const url = await newLink({ type: 'zip_all' });
      await ready(url);
      const storage = await withoutArchive(url);
      system.clock.advance(afterLease);
      const fault = injectInto(system, 'download/build-archive', {
        service: 's3',
        operation,
        action: 'kill-before',
      });
      expect((await open(url)).status).toBe(202);
      await system.until(
        async () => fault.fired(),
        (times) => times === 1,
      );
      fault.remove();
      system.clock.advance(afterLease);
      expect((await open(url)).status).toBe(202);
      await ready(url);
      expect(namesIn((await customer.download(url)).bytes)).toHaveLength(4);
      expect(await storage.unfinished()).toBe(0);
      storage.close();
    },
  );
});
