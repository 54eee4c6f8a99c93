/** The product's restoration provider against the local Replicate. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createReplicateRestoration } from '../../lambdas/providers/replicate.ts';
import { attemptMarker } from '../../lambdas/providers/restoration.ts';
import { apiToken, model, startReplicate } from '../../packages/doubles/test/replicate-setup.ts';

type Local = Awaited<ReturnType<typeof startReplicate>>;

const imageKey = 'uploads/originals/o1/i1.jpg';
const first = { jobId: 'job-1', attempt: 1, imageKey };

let local: Local;
afterEach(() => local.close());

function provider(settings = {}) {
  return createReplicateRestoration({ apiToken, apiUrl: `${local.url()}/v1`, model, ...settings });
}

/** The photo's address as a presigner makes it, marked for its attempt. */
function marked(attempt: { jobId: string; attempt: number }, path = `/originals/${imageKey}`) {
  const { name, value } = attemptMarker(attempt);
  return `${local.photoUrl}${path}?X-Amz-Expires=3600&${name}=${encodeURIComponent(value)}`;
}

const create = (photo = first, settings = {}) =>
  provider(settings).createPrediction({ ...photo, imageUrl: marked(photo) });

/** Everything Replicate has heard of. */
async function predictions(): Promise<string[]> {
  const answer = await fetch(`${local.url()}/v1/predictions`, {
    headers: { authorization: `Bearer ${apiToken}` },
  });
  const { results } = (await answer.json()) as { results: { id: string }[] };
  return results.map(({ id }) => id);
}

/** Asks until it has ended; each look waits for nothing but the answer. */
async function outcome(id: string) {
  for (;;) {
    const state = await provider().getPrediction(id);
    if (state.state !== 'running') return state;
  }
}

describe('a restoration', () => {
  beforeEach(async () => {
    local = await startReplicate();
  });

  test('runs, and ends with the address of a picture', async () => {
    const { id } = await create();
    const state = await outcome(id);
    expect(state).toEqual({ state: 'succeeded', outputUrl: `${local.url()}/delivery/${id}/out.png` });
  });

  test('runs by version, in the format that was set', async () => {
    const version = `${model}:85ae46551612b8f778348846b6ce1ce1b340e384fe2062399c0c412be29e107d`;
    const { id } = await create(first, { model: version, outputFormat: 'jpg' });
    expect(await outcome(id)).toMatchObject({ outputUrl: expect.stringMatching(/out\.jpg$/) });
  });

  test('whose output was forgotten after an hour has failed', async () => {
    const { id } = await create();
    await outcome(id);
    local.clock.advance(3_700_000);
    expect(await provider().getPrediction(id)).toMatchObject({ state: 'failed', code: 'output_gone' });
  });

  test.each([
    ['moderation', 'moderation_refused'],
    ['nsfw', 'moderation_refused'],
    ['truncated', 'input_rejected'],
    ['unreadable', 'input_rejected'],
    ['cuda-memory', 'provider_out_of_memory'],
    ['interrupted', 'prediction_interrupted'],
    ['E1000', 'prediction_failed'],
    ['E1001', 'provider_out_of_memory'],
    ['E6716', 'prediction_timed_out'],
  ])('that fails by %s says %s', async (fault, code) => {
    await local.order({ fault });
    expect(await outcome((await create()).id)).toMatchObject({ state: 'failed', code });
  });

  test.each([
    [`/broken/${imageKey}`, 'input_rejected'],
    [`/gone/${imageKey}`, 'input_unavailable'],
  ])('of the photo at %s says %s', async (path, code) => {
    const { id } = await provider().createPrediction({ ...first, imageUrl: marked(first, path) });
    expect(await outcome(id)).toMatchObject({ state: 'failed', code });
  });

  test('that Replicate does not know has failed, and canceling it does nothing', async () => {
    expect(await provider().getPrediction('none')).toMatchObject({
      state: 'failed',
      code: 'prediction_unknown',
    });
    await provider().cancelPrediction('none');
  });
});

describe('a restoration that takes its time', () => {
  beforeEach(async () => {
    local = await startReplicate({ seconds: 600 });
  });

  test('is running, and can be canceled', async () => {
    const { id } = await create();
    expect(await provider().getPrediction(id)).toEqual({ state: 'running' });
    await provider().cancelPrediction(id);
    expect(await provider().getPrediction(id)).toMatchObject({
      state: 'failed',
      code: 'prediction_canceled',
    });
  });

  test.each([
    ['before it has started', []],
    ['after it has started', [120_000]],
  ])('has timed out when its deadline passes %s', async (_when, steps) => {
    await local.order({ fault: 'hang' });
    const { id } = await create(first, { cancelAfterSeconds: steps.length > 0 ? 300 : 60 });
    for (const step of steps) {
      local.clock.advance(step);
      await provider().getPrediction(id);
    }
    local.clock.advance(300_000);
    expect(await outcome(id)).toMatchObject({ state: 'failed', code: 'prediction_timed_out' });
  });
});

describe('a create', () => {
  beforeEach(async () => {
    local = await startReplicate({ seconds: 600 });
  });

  test.each([
    ['throttled', { code: 'provider_throttled', kind: 'retry', retryAfterSeconds: 30, spacingSeconds: 0.1 }],
    ['out-of-credit', { code: 'provider_out_of_credit', kind: 'retry' }],
    ['unavailable', { code: 'submission_uncertain', kind: 'retry' }],
    ['cut', { code: 'submission_uncertain', kind: 'retry' }],
    ['lost-answer', { code: 'submission_uncertain', kind: 'retry' }],
    ['no-answer', { code: 'submission_uncertain', kind: 'retry' }],
  ])('that is %s is sent once, never repeated', async (fault, error) => {
    await local.order({ fault, calls: 5, call: 'create' });
    await expect(create(first, { timeoutMs: 300 })).rejects.toMatchObject(error);
    expect(await local.ordered()).toEqual([{ fault, calls: 4, call: 'create' }]);
    expect(await predictions()).toHaveLength(fault === 'lost-answer' ? 1 : 0);
  });

  test('beyond what a small account may is told how long to wait, and how far apart to ask', async () => {
    await fetch(`${local.url()}/double/limit`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ account: 'small' }),
    });
    await create();
    const refusal = { code: 'provider_throttled', kind: 'retry', retryAfterSeconds: 10, spacingSeconds: 10 };
    await expect(create({ ...first, attempt: 2 })).rejects.toMatchObject(refusal);
    expect(await predictions()).toHaveLength(1);
  });

  test('with a wrong token is our fault', async () => {
    const refusal = { code: 'provider_misconfigured', kind: 'internal' };
    await expect(create(first, { apiToken: 'r8_wrong' })).rejects.toMatchObject(refusal);
    await expect(create(first, { model: 'acme/other' })).rejects.toMatchObject(refusal);
    await expect(create(first, { model: 'acme/other:1' })).rejects.toMatchObject(refusal);
  });

  test('with an input that Replicate refuses is final', async () => {
    const broken = { outputFormat: 'gif' as 'png' };
    await expect(create(first, broken)).rejects.toMatchObject({ code: 'input_rejected', kind: 'permanent' });
  });

  test('is not sent when its photo could not be found again', async () => {
    const imageUrl = `${local.photoUrl}/originals/${imageKey}`;
    const unmarked = provider().createPrediction({ ...first, imageUrl });
    await expect(unmarked).rejects.toMatchObject({ code: 'input_unmarked', kind: 'internal' });
    expect(await predictions()).toEqual([]);
  });
});

describe('what a dead run left behind', () => {
  let since: Date;
  beforeEach(async () => {
    local = await startReplicate({ seconds: 600 });
    since = new Date(local.clock.now());
  });

  test('is found by photo, job and attempt', async () => {
    await local.order({ fault: 'lost-answer' });
    await expect(create()).rejects.toThrow();
    const [orphan] = await predictions();
    expect(orphan).toBeDefined();
    expect(await provider().findPrediction({ ...first, since })).toBe(orphan);
  });

  test('is not taken for another attempt’s, job’s or photo’s, nor for an older time’s', async () => {
    await create();
    const search = (other: object) => provider().findPrediction({ ...first, since, ...other });
    expect(await search({ attempt: 2 })).toBeUndefined();
    expect(await search({ jobId: 'job-2' })).toBeUndefined();
    expect(await search({ imageKey: 'uploads/originals/o1/i2.jpg' })).toBeUndefined();
    expect(await search({ since: new Date(since.getTime() + 120_000) })).toBeUndefined();
    expect(await search({})).toBeDefined();
  });

  test('is found behind hundreds of newer ones', async () => {
    const { id } = await create();
    for (let attempt = 2; attempt <= 230; attempt++) await create({ ...first, attempt });
    expect(await provider().findPrediction({ ...first, since })).toBe(id);
  });

  test('is asked for again later when Replicate cannot say', async () => {
    await local.order({ fault: 'unavailable', calls: 5, call: 'list' });
    const search = provider().findPrediction({ ...first, since });
    await expect(search).rejects.toMatchObject({ code: 'provider_unavailable', kind: 'retry' });
    expect(await local.ordered()).toMatchObject([{ calls: 4 }]);
  });
});

test('a look at a prediction fails for now when nobody answers', async () => {
  local = await startReplicate();
  const silent = createServer();
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  const apiUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1`;
  const look = provider({ apiUrl, timeoutMs: 200 }).getPrediction('any');
  await expect(look).rejects.toMatchObject({ code: 'provider_unavailable', kind: 'retry' });
  silent.closeAllConnections();
  silent.close();
});

test('a photo on this machine is handed over as a file to the real Replicate, which could not fetch it', async () => {
  local = await startReplicate();
  const asked: { address: string; body: unknown }[] = [];
  const realFetch = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    if (new URL(address).hostname === '127.0.0.1') return realFetch(input, init);
    asked.push({ address, body: init?.body });
    const isFile = address.endsWith('/files');
    return Response.json(
      isFile
        ? { urls: { get: 'https://api.replicate.com/v1/files/f1' } }
        : { id: 'p1', status: 'starting', output: null, error: null },
    );
  };
  try {
    const real = createReplicateRestoration({ apiToken, model });
    expect(await real.createPrediction({ ...first, imageUrl: marked(first) })).toEqual({ id: 'p1' });
  } finally {
    globalThis.fetch = realFetch;
  }
  const [file, creation] = asked;
  expect(asked.map(({ address }) => new URL(address).pathname)).toEqual([
    '/v1/files',
    `/v1/models/${model}/predictions`,
  ]);
  const photo = file?.body instanceof FormData ? file.body.get('content') : undefined;
  expect(photo instanceof Blob && photo.size).toBeGreaterThan(0);
  expect(JSON.parse(String(creation?.body)).input.input_image).toBe('https://api.replicate.com/v1/files/f1');
});
