/**
 * The API and its document say the same: every answer is as documented, and everything documented
 * is answered. Mistakes get a clear answer.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  complaints,
  type Documented,
  operations,
  readDocument,
  responseOf,
  schemaAt,
} from './api-document.ts';
import { type Recorder, recordApi } from './api-recorder.ts';
import type { Mistake } from './mistake.ts';
import { mistakes } from './mistakes.ts';
import { once, openShop, type Shop, strayEmailEvent } from './shop.ts';
import { openSystem, type TestSystem } from './system.ts';

let system: TestSystem;
let shop: Shop;
let recorder: Recorder;
const answers = new Map<Mistake, Promise<Response>>();

/** Asked once, whichever test comes first. */
function answerTo(mistake: Mistake): Promise<Response> {
  const answer = answers.get(mistake) ?? mistake.ask(shop);
  answers.set(mistake, answer);
  return answer;
}

beforeAll(async () => {
  system = await openSystem();
  recorder = recordApi(system.at.api);
  shop = openShop(system);
  // No archive gets ready, so that one can be asked for too early.
  system.faults.inject({
    function: functionOf('download/build-archive'),
    service: 's3',
    action: 'fail-before',
  });
});
afterAll(async () => {
  recorder?.stop();
  await system?.close();
});

function functionOf(step: string): string {
  const found = system.model.functions.find(({ description }) => description.startsWith(`${step}:`));
  if (!found) throw new Error(`There is no function of ${step}.`);
  return found.name;
}

describe('a mistake is told in a sentence: the API answers', () => {
  test.each(mistakes)('$to with $status $type', async (mistake) => {
    const answer = await answerTo(mistake);
    expect(answer.status).toBe(mistake.status);
    expect(await answer.clone().json()).toMatchObject({
      status: mistake.status,
      type: `urn:restoreclick:problem:${mistake.type}`,
      detail: expect.stringMatching(mistake.says),
      ...mistake.members,
    });
    for (const [name, value] of Object.entries(mistake.headers ?? {}))
      expect(answer.headers.get(name)).toBe(value);
  });
});

/** Every route that needs the database, asked as it should be. */
const wellAsked: Record<string, (shop: Shop) => Promise<Response>> = {
  'POST /api/upload': ({ announce }) => announce({ name: 'a.jpg', type: 'image/jpeg', size: 10 }),
  'GET /api/upload/{session}': async ({ ask, restored }) =>
    ask('GET', `/api/upload/${(await restored()).sessionId}`),
  'POST /api/upload/{session}/renew': async ({ post, restored }) =>
    post(`/api/upload/${(await restored()).sessionId}/renew`, {}),
  'POST /api/checkout': async ({ post, arrivedSession }) =>
    post('/api/checkout', { sessionId: await sessionOf(arrivedSession) }),
  'POST /api/webhooks/sendgrid': ({ fromSendGrid }) => fromSendGrid(JSON.stringify([strayEmailEvent()])),
  'POST /api/orders/claim': async ({ post, restored }) =>
    post('/api/orders/claim', { checkoutId: (await restored()).checkoutId }),
  'GET /api/orders/{order}': async ({ ask, restored }) => {
    const { orderId, key } = await restored();
    return ask('GET', `/api/orders/${orderId}`, { key });
  },
  'POST /api/orders/{order}/downloads': async ({ post, restored }) => {
    const { orderId, key } = await restored();
    return post(`/api/orders/${orderId}/downloads`, { type: 'zip_all' }, key);
  },
  'POST /api/orders/{order}/share': async ({ post, unpaid }) => {
    const { orderId, key } = await unpaid();
    return post(`/api/orders/${orderId}/share`, { recipients: ['grace@example.com'] }, key);
  },
  'POST /unsubscribe/{proof}': async (shop) => shop.post(await shop.unsubscribing(), {}),
  'GET /download/{token}': ({ ask }) => ask('GET', `/download/${'B'.repeat(43)}`),
};

let session: Promise<string> | undefined;
function sessionOf(arrivedSession: () => Promise<string>): Promise<string> {
  session ??= arrivedSession();
  return session;
}

async function askWell() {
  const asked = Object.entries(wellAsked).map(
    async ([routeKey, ask]) => [routeKey, await ask(shop)] as const,
  );
  return Promise.all(asked);
}

/** Each brought about once; the next begins when the one before is over. */
const asleep = once(async () => {
  const before = await askWell();
  system.rdsData.resuming(true);
  const during = await askWell();
  system.rdsData.resuming(false);
  return { before, during, after: await askWell() };
});

const broken = once(async () => {
  await askWell();
  const databaseFault = system.faults.inject({ service: 'rds-data', action: 'fail-before' });
  const answered = await askWell();
  databaseFault.remove();
  const receiver = functionOf('payment/receive-stripe-event');
  const queueFault = system.faults.inject({ function: receiver, service: 'sqs', action: 'fail-before' });
  const event = { id: 'evt_1', type: 'checkout.session.completed', data: { object: { id: 'cs_test_1' } } };
  const unqueued = await shop.fromStripe(event);
  queueFault.remove();
  return [...answered.map(([, answer]) => answer), unqueued];
});

const crowded = once(async () => {
  await system.pool.query(`
    create function public.in_the_way() returns trigger language plpgsql as
      $$ begin raise exception 'in the way' using errcode = '40001'; end $$;
    create trigger in_the_way before insert on restoreclick.file_uploads
      for each row execute function public.in_the_way()`);
  const answer = await shop.announce({ name: 'a.jpg', type: 'image/jpeg', size: 10 });
  await system.pool.query('drop function public.in_the_way cascade');
  return answer;
});

const unpayable = once(async () => {
  const sessionId = await shop.arrivedSession();
  const { checkoutId } = await shop.checkout(await shop.arrivedSession());
  const failing = (count: number) =>
    fetch(`${system.urls.payments}/double/faults`, { method: 'POST', body: `status=500&count=${count}` });
  // Stripe keeps its answer under the idempotency key; a question it answers anew each time.
  await failing(1);
  const checkout = await shop.post('/api/checkout', { sessionId });
  await failing(3);
  const claim = await shop.post('/api/orders/claim', { checkoutId });
  return { during: [checkout, claim], after: await shop.post('/api/checkout', { sessionId }) };
});

describe('a trouble of ours', () => {
  test('while the database wakes up, every route asks to come back, and then all is well', async () => {
    const { before, during, after } = await asleep();
    for (const [, answer] of during) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('15');
      expect(await answer.json()).toMatchObject({ type: 'urn:restoreclick:problem:waking-up' });
    }
    const statuses = (all: typeof before) => all.map(([routeKey, { status }]) => [routeKey, status]);
    expect(statuses(after)).toEqual(statuses(before));
  });

  test('a fault inside is a 500 that says nothing of the inside', async () => {
    for (const answer of await broken()) {
      expect(answer.status).toBe(500);
      expect(await answer.json()).toMatchObject({
        detail: 'Something went wrong on our side. Please try again in a moment.',
      });
    }
  });

  test('a statement that others are always in the way of asks to come back', async () => {
    const answer = await crowded();
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ type: 'urn:restoreclick:problem:busy' });
  });

  test('while Stripe does not answer, checkout and claim ask to come back', async () => {
    const { during, after } = await unpayable();
    for (const answer of during) {
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ type: 'urn:restoreclick:problem:payments-unavailable' });
    }
    expect(after.status).toBe(201);
  });
});

/** What no mistake and no trouble brings about. */
async function restOfTheAnswers() {
  const { checkoutId } = await shop.checkout(await shop.arrivedSession());
  await shop.post('/api/orders/claim', { checkoutId });
  await shop.ask('GET', await shop.linkTo(await shop.restored(), { type: 'zip_all' }));
}

describe('docs/openapi.yaml', () => {
  test('is OpenAPI 3.1, and names every operation once', () => {
    expect(readDocument).not.toThrow();
    const ids = operations.map(({ operation }) => operation.operationId);
    expect([...new Set(ids)]).toEqual(ids);
  });

  test('has the routes of the stack, and no others', () => {
    const routes = system.model.api.routes.map(({ routeKey }) => routeKey);
    expect(operations.map(({ routeKey }) => routeKey).sort()).toEqual(routes.sort());
  });

  test('declares the variables of each path, and gives each operation a tag that is explained', () => {
    const { tags } = readDocument();
    for (const { routeKey, operation } of operations) {
      const named = [...routeKey.matchAll(/\{(\w+)\}/g)].map(([, name]) => `#/components/parameters/${name}`);
      const declared = (operation.parameters ?? []).flatMap((each) => ('$ref' in each ? [each.$ref] : []));
      expect(declared).toEqual(named);
      expect(tags.map(({ name }) => name)).toEqual(expect.arrayContaining(operation.tags));
    }
  });

  test.each(operations)('gives examples that fit: $routeKey', (documented) => {
    for (const { at, mediaType, example } of examplesOf(documented))
      expect({ at, complaints: complaints(schemaAt(at, mediaType), example) }).toEqual({
        at,
        complaints: [],
      });
  });

  test('says of every answer what it is, and of nothing that it is never answered', async () => {
    await Promise.all(mistakes.map(answerTo));
    for (const trouble of [asleep, broken, crowded, unpayable]) await trouble();
    await restOfTheAnswers();
    expect(recorder.violations).toEqual([]);
    const documented = operations.flatMap(({ routeKey, operation }) =>
      Object.keys(operation.responses).map((status) => `${routeKey} ${status}`),
    );
    const answered = [...recorder.answers, ...[...recorder.answers].flatMap(asHead)];
    expect([...new Set(answered)].sort()).toEqual(documented.sort());
    expect([...recorder.types].sort()).toEqual(typesOf(readDocument()));
  });
});

/** HEAD is answered as GET is, wherever there is one: delivery.test.ts holds them side by side. */
const asHead = (answer: string) => {
  const head = answer.replace(/^GET /, 'HEAD ');
  const isRoute = operations.some(({ routeKey }) => head.startsWith(`${routeKey} `));
  return isRoute ? [head] : [];
};

function examplesOf(documented: Documented) {
  const { operation, pointer } = documented;
  const bodies = Object.entries(operation.requestBody?.content ?? {}).map(([mediaType, { example }]) => ({
    at: `${pointer}/requestBody`,
    mediaType,
    example,
  }));
  const responses = Object.keys(operation.responses).flatMap((status) => {
    const response = responseOf(documented, status);
    return Object.entries(response?.content ?? {}).map(([mediaType, { example }]) => ({
      at: response?.pointer ?? '',
      mediaType,
      example,
    }));
  });
  return [...bodies, ...responses];
}

/** Every type of problem that stands in an enum. */
function typesOf(value: unknown): string[] {
  const found = JSON.stringify(value).matchAll(/"enum":\[("urn:[^\]]*)\]/g);
  const types = [...found].flatMap(([, list = '']) => list.replaceAll('"', '').split(','));
  return [...new Set(types)].sort();
}
