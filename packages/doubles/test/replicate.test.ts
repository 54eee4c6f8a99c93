/** The local Replicate, through Replicate's own client. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { heldStore } from '@restoreclick/local-aws/test/store';
import Replicate, { type Prediction, validateWebhook, type WebhookEventType } from 'replicate';
import sharp from 'sharp';
import { apiToken, model, startReplicate } from './replicate-setup.ts';

type Local = Awaited<ReturnType<typeof startReplicate>>;

let local: Local;
const client = (auth = apiToken) => new Replicate({ auth, baseUrl: `${local.url()}/v1` });
const create = (photo = '/photo.jpg', events: WebhookEventType[] = ['completed'], input = {}) =>
  client().predictions.create({
    model,
    input: { input_image: `${local.photoUrl}${photo}`, ...input },
    webhook: `${local.photoUrl}/webhook`,
    webhook_events_filter: events,
  });
const ended = async (): Promise<Prediction> => JSON.parse((await local.hear()).body);
const post = (path: string, body: unknown, headers = {}) =>
  fetch(`${local.url()}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

afterEach(() => local.close());

describe('a prediction that runs', () => {
  beforeEach(async () => {
    local = await startReplicate();
  });

  test('is starting when created, and ends with a restored picture of twice the size', async () => {
    const created = await create();
    expect(created).toMatchObject({ status: 'starting', model, output: null, data_removed: false });
    const done = await ended();
    expect(done).toMatchObject({ id: created.id, status: 'succeeded', error: null });
    expect(done.metrics?.predict_time).toBeGreaterThan(0);
    expect(done.output).toBe(`${local.url()}/delivery/${created.id}/out.png`);
    const picture = Buffer.from(await (await fetch(done.output)).arrayBuffer());
    expect(await sharp(picture).metadata()).toMatchObject({ format: 'png', width: 120, height: 80 });
  });

  test('answers in the format asked for', async () => {
    await create('/photo.jpg', ['completed'], { output_format: 'jpg' });
    const answer = await fetch((await ended()).output);
    expect(answer.headers.get('content-type')).toBe('image/jpeg');
    expect((await sharp(Buffer.from(await answer.arrayBuffer())).metadata()).format).toBe('jpeg');
  });

  test('announces its start and end in webhooks that the client finds genuine', async () => {
    await create('/photo.jpg', ['start', 'completed']);
    const { key } = await client().webhooks.default.secret.get();
    for (const status of ['processing', 'succeeded']) {
      const { headers, body } = await local.hear();
      expect(JSON.parse(body)).toMatchObject({ status });
      const signed = {
        id: headers['webhook-id'] ?? '',
        timestamp: headers['webhook-timestamp'] ?? '',
        signature: headers['webhook-signature'] ?? '',
        secret: key,
      };
      expect(await validateWebhook({ ...signed, body })).toBe(true);
      expect(await validateWebhook({ ...signed, body: `${body} ` })).toBe(false);
    }
  });

  test('forgets input, output and logs an hour after it ended', async () => {
    await create();
    const { id, output } = await ended();
    local.clock.advance(3_599_000 - 60_000);
    expect((await fetch(output)).status).toBe(200);
    local.clock.advance(120_000);
    expect(await client().predictions.get(id)).toMatchObject({
      status: 'succeeded',
      data_removed: true,
      input: {},
      output: null,
      logs: '',
    });
    expect((await fetch(output)).status).toBe(404);
  });

  test('fails with the reason when the picture cannot be read or downloaded', async () => {
    await create('/broken.jpg');
    expect(await ended()).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^cannot identify image file/),
    });
    await create('/gone.jpg');
    expect(await ended()).toMatchObject({
      status: 'failed',
      error: 'Failed to download input_image: HTTP 404',
    });
  });

  test.each([
    ['moderation', /with different inputs\. \(E005\) \(\w{10}\)$/],
    ['nsfw', /^NSFW content detected/],
    ['cuda-memory', /^CUDA out of memory/],
    ['truncated', /^image file is truncated/],
    ['unreadable', /^cannot identify image file/],
    ['interrupted', /\(code: PA\)$/],
    ['E1000', /\(E1000\) \(\w{10}\)$/],
    ['E1001', /\(E1001\) \(\w{10}\)$/],
    ['E6716', /\(E6716\) \(\w{10}\)$/],
  ])('fails by %s when that was ordered, and only then', async (fault, error) => {
    await local.order({ fault });
    await create();
    expect(await ended()).toMatchObject({ status: 'failed', error: expect.stringMatching(error) });
    await create();
    expect(await ended()).toMatchObject({ status: 'succeeded' });
  });

  test('is shown to people with both pictures', async () => {
    const { id } = await create();
    await ended();
    expect(await (await fetch(`${local.url()}/`)).text()).toContain(id);
    for (const which of ['before', 'after']) {
      const thumbnail = await fetch(`${local.url()}/thumbnails/${id}/${which}`);
      expect(thumbnail.headers.get('content-type')).toBe('image/jpeg');
    }
  });
});

describe('a prediction that takes its time', () => {
  beforeEach(async () => {
    local = await startReplicate({ seconds: 600 });
  });

  test('can be canceled, once', async () => {
    const { id } = await create();
    expect(await client().predictions.cancel(id)).toMatchObject({ status: 'canceled' });
    const { completed_at } = await ended();
    expect(await client().predictions.cancel(id)).toMatchObject({ status: 'canceled', completed_at });
  });

  test('is aborted at its deadline when it has not started', async () => {
    const input = { input_image: `${local.photoUrl}/photo.jpg` };
    const answer = await post(`/v1/models/${model}/predictions`, { input }, { 'cancel-after': '1m30s' });
    const { id } = (await answer.json()) as Prediction;
    local.clock.advance(89_000);
    expect(await client().predictions.get(id)).toMatchObject({ status: 'starting' });
    local.clock.advance(2_000);
    expect(await client().predictions.get(id)).toMatchObject({ status: 'aborted' });
  });

  test('is canceled after 30 minutes when it hangs', async () => {
    await local.order({ fault: 'hang' });
    const { id } = await create('/photo.jpg', ['start', 'completed']);
    local.clock.advance(120_000);
    expect(await ended()).toMatchObject({ id, status: 'processing' });
    local.clock.advance(1_800_000);
    expect(await ended()).toMatchObject({ id, status: 'canceled' });
  });

  test('is gone on with after a restart', async () => {
    const { id } = await create('/photo.jpg', ['start', 'completed']);
    for (let run = 0; run < 2; run++) {
      await local.restart();
      local.clock.advance(120_000);
      expect(await ended()).toMatchObject({ id, status: 'processing' });
    }
    local.clock.advance(480_000);
    expect(await ended()).toMatchObject({ id, status: 'succeeded' });
  });

  test('is listed newest first, a hundred on a page, from a time on', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 103; i++) {
      local.clock.advance(1000);
      ids.unshift((await create()).id);
    }
    const pages: string[][] = [];
    for await (const page of client().paginate(client().predictions.list))
      pages.push(page.map(({ id }) => id));
    expect(pages).toEqual([ids.slice(0, 100), ids.slice(100)]);

    const { created_at } = await client().predictions.get(ids[2] ?? '');
    const answer = await client().request('/predictions', { params: { created_after: created_at } });
    const { results } = (await answer.json()) as { results: Prediction[] };
    expect(results.map(({ id }) => id)).toEqual(ids.slice(0, 3));
  });

  test('is created twice by two equal calls, since there is no idempotency', async () => {
    expect((await create()).id).not.toBe((await create()).id);
  });
});

test('a prediction canceled while it is being created stays so', async () => {
  const { store, begun, release } = heldStore('replicate.predictions');
  local = await startReplicate({ seconds: 600, store });
  await local.order({ fault: 'hang' });
  const created = create();
  await begun;
  const [{ id } = { id: '' }] = (await client().predictions.list()).results;
  await client().predictions.cancel(id);
  release();
  expect(await created).toMatchObject({ id, status: 'canceled' });
  local.clock.advance(120_000);
  expect(await ended()).toMatchObject({ id, status: 'canceled' });
  expect(await client().predictions.get(id)).toMatchObject({ status: 'canceled' });
});

describe('a call that Replicate refuses', () => {
  beforeEach(async () => {
    local = await startReplicate({ seconds: 600 });
  });

  test('without the right token', async () => {
    await expect(client('r8_wrong').predictions.list()).rejects.toThrow(/401.*Unauthenticated/);
  });

  test('of a model that the product does not use', async () => {
    const answer = await post('/v1/models/acme/other/predictions', { input: {} });
    expect([answer.status, await answer.json()]).toMatchObject([404, { title: 'Not found' }]);
  });

  test.each([
    [{}, { type: 'required', field: 'input', description: 'input_image is required' }],
    [
      { input_image: 'http://a.example/b', output_format: 'gif' },
      { type: 'invalid', field: 'input.output_format' },
    ],
  ])('with input %j', async (input, field) => {
    const answer = await post('/v1/predictions', { version: model, input });
    expect([answer.status, await answer.json()]).toMatchObject([422, { invalid_fields: [field] }]);
  });

  test('with a version that does not exist', async () => {
    const answer = await post('/v1/predictions', {
      version: 'none',
      input: { input_image: 'http://a.example/b' },
    });
    expect(answer.status).toBe(422);
  });

  test.each([
    ['throttled', 429, { detail: expect.stringMatching(/resets in ~30s/) }],
    ['out-of-credit', 402, { title: 'Insufficient credit' }],
    ['unavailable', 503, {}],
  ])('when it is ordered to be %s', async (fault, status, body) => {
    await local.order({ fault });
    const answer = await post(`/v1/models/${model}/predictions`, {
      input: { input_image: 'http://a.example/b' },
    });
    expect([answer.status, await answer.json()]).toMatchObject([status, body]);
    expect((await client().predictions.list()).results).toEqual([]);
  });

  test('when an account with little credit creates more than one at once, or 6 a minute', async () => {
    const put = (body: unknown) =>
      fetch(`${local.url()}/double/limit`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await put({ account: 'large' })).status).toBe(400);
    expect(await (await put({ account: 'small' })).json()).toEqual({ perMinute: 6, burst: 1 });
    const ask = () =>
      post(`/v1/models/${model}/predictions`, { input: { input_image: `${local.photoUrl}/photo.jpg` } });
    expect((await ask()).status).toBe(201);
    const refused = await ask();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
    expect(await refused.json()).toEqual({
      detail: expect.stringMatching(
        /^Request was throttled\. .* 6 requests per minute with a burst of 1 .* resets in ~10s\.$/,
      ),
      status: 429,
      retry_after: 10,
    });
    local.clock.advance(10_000);
    expect((await ask()).status).toBe(201);
    local.clock.advance(60_000);
    expect([(await ask()).status, (await ask()).status]).toEqual([201, 429]);
    await put({ account: 'ordinary' });
    expect([(await ask()).status, (await ask()).status]).toEqual([201, 201]);
  });

  test('that it does not implement', async () => {
    const answer = await fetch(`${local.url()}/v1/collections`);
    expect([answer.status, await answer.text()]).toEqual([
      501,
      expect.stringContaining('GET /v1/collections'),
    ]);
  });
});
