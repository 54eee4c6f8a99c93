/** What can be asked of the API amiss, and what it says to that. */
import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { type Shop, strayEmailEvent } from './shop.ts';

export type Mistake = {
  /** Reads on after "answers". */
  to: string;
  status: number;
  /** Behind `urn:restoreclick:problem:`. */
  type: string;
  /** What the sentence must tell. */
  says: RegExp;
  /** Further members that it must have. */
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
  ask(shop: Shop): Promise<Response>;
};

type Kind = `${number} ${string}`;
const mistake = (
  to: string,
  kind: Kind,
  says: RegExp,
  ask: Mistake['ask'],
  more: Pick<Mistake, 'members' | 'headers'> = {},
): Mistake => ({
  to,
  status: Number(kind.split(' ')[0]),
  type: kind.split(' ')[1] ?? '',
  says,
  ask,
  ...more,
});

const jpeg = (name: string, size: unknown = 1000) => ({ name, type: 'image/jpeg', size });
const stranger = randomUUID();
const token = 'A'.repeat(43);

const uploads: Mistake[] = [
  mistake('an upload of no photos', '400 no-photos', /choose at least one photo/, ({ announce }) =>
    announce(),
  ),
  mistake(
    '101 photos',
    '400 too-many-photos',
    /at most 100 photos.*these are 101/,
    ({ announce }) => announce(...Array.from({ length: 101 }, (_, n) => jpeg(`${n}.jpg`))),
    { members: { limit: 100 } },
  ),
  mistake(
    'a photo of 60 MB, before it is uploaded',
    '413 photo-too-large',
    /“big.jpg” is larger than 50 MB/,
    ({ announce }) => announce(jpeg('big.jpg', 60_000_000)),
    { members: { limit: 50_000_000, photo: 'big.jpg' } },
  ),
  mistake('an empty file', '400 empty-photo', /“none.jpg”.*file is empty/, ({ announce }) =>
    announce(jpeg('none.jpg', 0)),
  ),
  ...(
    [
      ['image/svg+xml', /drawing/],
      ['image/heic', /iPhone.*JPEG/],
      ['image/tiff', /TIFF.*save it as JPEG/],
      ['application/pdf', /not a photo.*We take JPEG, PNG and WebP/],
      ['constructor', /not a photo/],
      ['', /not a photo/],
    ] as const
  ).map(([type, says]) =>
    mistake(`a file of type “${type}”`, '415 unsupported-type', says, ({ announce }) =>
      announce({ ...jpeg('Aunt'), type }),
    ),
  ),
  ...['../../etc/passwd', '..\\boot.ini', 'a\u0007b.jpg', 'a\nb.jpg'].map((name) =>
    mistake(
      `the file name ${JSON.stringify(name)}`,
      '400 invalid-request',
      /“photos 2 name”.*slashes or invisible/,
      ({ announce }) => announce(jpeg('good.jpg'), jpeg(name)),
    ),
  ),
  ...['a\u0000b.jpg', 'a\ud800b.jpg'].map((name) =>
    mistake(
      `${JSON.stringify(name)}, which is no text`,
      '400 malformed-json',
      /not valid JSON/,
      ({ announce }) => announce(jpeg(name)),
    ),
  ),
  ...[stranger, '..%2f..%2fetc', '1'].map((session) =>
    mistake(
      `a look at the session ${session}`,
      '404 unknown-session',
      /choose your photos again/,
      ({ ask }) => ask('GET', `/api/upload/${session}`),
    ),
  ),
];

const fields: Mistake[] = (
  [
    [{}, 'photos', /“photos”: this is missing/],
    [[], '', /the request: this must be a group of fields/],
    [{ photos: 'all' }, 'photos', /“photos”: this must be a list/],
    [{ photos: [{ name: 'a', type: 'image/jpeg' }] }, 'photos.0.size', /“photos 1 size”: this is missing/],
    [{ photos: [jpeg('a', '12')] }, 'photos.0.size', /this must be a number/],
    [{ photos: [jpeg('a', 1.5)] }, 'photos.0.size', /this must be a whole number/],
    [{ photos: [jpeg('a', -1)] }, 'photos.0.size', /this is less than 0/],
    [{ photos: [jpeg('')] }, 'photos.0.name', /this is empty/],
    [{ photos: [jpeg('a'.repeat(256))] }, 'photos.0.name', /longer than 255 characters/],
    [{ photos: [], email: 'ada' }, 'email', /“email”: this is not an email address/],
  ] as const
).map(([json, at, says]) =>
  mistake(
    `an upload like ${JSON.stringify(json).slice(0, 50)}`,
    '400 invalid-request',
    says,
    ({ post }) => post('/api/upload', json),
    { members: { errors: [expect.objectContaining({ at })] } },
  ),
);

/** Of every route that takes JSON: no JSON at all, too much of it, and JSON of the wrong shape. */
const bodies: Mistake[] = (
  [
    ['an upload', async () => '/api/upload', false, { photos: 1 }],
    ['a checkout', async () => '/api/checkout', false, { sessionId: 'mine' }],
    ['a claim', async () => '/api/orders/claim', false, { checkoutId: '1; drop table orders' }],
    ['a wish for a link', orderPath('downloads'), true, { type: 'all' }],
    ['sharing', orderPath('share'), true, { recipients: ['grace'] }],
  ] as const
).flatMap(([what, path, needsKey, wrong]) => {
  const send = (body: string) => async (shop: Shop) =>
    shop.ask('POST', await path(shop), { body, ...(needsKey ? { key: (await shop.restored()).key } : {}) });
  const tooMuch = JSON.stringify({ x: 'x'.repeat(300_000) });
  return [
    mistake(`${what} that is not JSON`, '400 malformed-json', /not valid JSON/, send('{"a":')),
    mistake(`${what} without a body`, '400 malformed-json', /not valid JSON/, send('')),
    mistake(`${what} of 300 kB`, '413 body-too-large', /more text than we take.*256 kB/, send(tooMuch), {
      members: { limit: 262_144 },
    }),
    mistake(
      `${what} like ${JSON.stringify(wrong)}`,
      '400 invalid-request',
      /check “/,
      send(JSON.stringify(wrong)),
    ),
  ];
});

function orderPath(action: string) {
  return async (shop: Shop) => `/api/orders/${(await shop.restored()).orderId}/${action}`;
}

const payment: Mistake[] = [
  mistake('a checkout of an unknown session', '404 unknown-session', /choose your photos again/, ({ post }) =>
    post('/api/checkout', { sessionId: stranger }),
  ),
  mistake(
    'a checkout while a photo arrives',
    '409 photos-still-arriving',
    /1 of your photos are still on their way.*wait a moment/,
    async ({ post, waitingSession }) => post('/api/checkout', { sessionId: await waitingSession() }),
    { members: { photos: ['late.jpg'] } },
  ),
  mistake(
    'a checkout of what arrived, before any has',
    '409 photos-still-arriving',
    /still on their way. Please wait a moment.$/,
    async ({ post, waitingSession }) =>
      post('/api/checkout', { sessionId: await waitingSession(), onlyArrived: true }),
  ),
  mistake(
    'a checkout of refused photos only',
    '409 no-photos',
    /None of these photos.*choose your photos again/,
    async ({ post, refusedSession }) => post('/api/checkout', { sessionId: await refusedSession() }),
  ),
  mistake(
    'a second payment',
    '409 already-paid',
    /paid for already.*confirmation email/,
    async ({ post, restored }) => post('/api/checkout', { sessionId: (await restored()).sessionId }),
  ),
  mistake(
    'the claim of an unknown checkout',
    '404 unknown-checkout',
    /do not know this payment/,
    ({ post }) => post('/api/orders/claim', { checkoutId: 'cs_test_nobodysbusiness' }),
  ),
  mistake(
    'the claim of an expired checkout',
    '410 checkout-expired',
    /nothing was paid.*start again/,
    async (shop) => {
      const sessionId = await shop.arrivedSession();
      const { checkoutId } = await shop.checkout(sessionId);
      await shop.checkout(sessionId);
      return shop.post('/api/orders/claim', { checkoutId });
    },
  ),
];

const orders: Mistake[] = [
  ...(
    [
      ['GET', ''],
      ['POST', '/downloads'],
      ['POST', '/share'],
    ] as const
  ).flatMap(([method, action]) =>
    (
      [
        ['without a key', () => undefined],
        ['with a wrong key', () => token],
        ['with the key of another order', async (shop: Shop) => (await shop.unpaid()).key],
      ] as const
    ).map(([how, keyOf]) =>
      mistake(
        `${method} of an order${action} ${how}`,
        '404 unknown-order',
        /cannot find this order/,
        async (shop) => {
          const key = await keyOf(shop);
          const path = `/api/orders/${(await shop.restored()).orderId}${action}`;
          const json = action === '' ? {} : { json: { type: 'zip_all', recipients: ['grace@example.com'] } };
          return shop.ask(method, path, { ...json, ...(key === undefined ? {} : { key }) });
        },
      ),
    ),
  ),
  mistake(
    'an order that never was',
    '404 unknown-order',
    /cannot find this order/,
    async ({ ask, restored }) => ask('GET', `/api/orders/${stranger}`, { key: (await restored()).key }),
  ),
  ...([stranger, undefined] as const).map((imageId) =>
    mistake(
      imageId ? 'a link to an unknown photo' : 'a link to another order’s photo',
      '404 unknown-photo',
      /no such photo/,
      async ({ post, restored, unpaid }) => {
        const { orderId, key, photos } = await restored();
        const other = await unpaid();
        return imageId
          ? post(`/api/orders/${orderId}/downloads`, { type: 'single_image', imageId }, key)
          : post(
              `/api/orders/${other.orderId}/downloads`,
              { type: 'single_image', imageId: photos[0]?.restored?.id },
              other.key,
            );
      },
    ),
  ),
  ...(
    [
      ['downloads', { type: 'zip_all' }],
      ['share', { recipients: ['grace@example.com'] }],
    ] as const
  ).map(([action, json]) =>
    mistake(
      `${action} before anything is restored`,
      '409 nothing-restored',
      /send you an email/,
      async ({ post, unpaid }) => {
        const { orderId, key } = await unpaid();
        return post(`/api/orders/${orderId}/${action}`, json, key);
      },
    ),
  ),
  mistake(
    'a fourth round of sharing',
    '409 share-limit',
    /share an order 3 times/,
    async (shop) => {
      const share = async () =>
        shop.post(
          await orderPath('share')(shop),
          { recipients: ['grace@example.com'] },
          (await shop.restored()).key,
        );
      for (const _round of [1, 2, 3]) await share();
      return share();
    },
    { members: { limit: 3 } },
  ),
];

const links: Mistake[] = [
  mistake('a token that never was', '404 unknown-link', /no such download link.*your email/, ({ ask }) =>
    ask('GET', `/download/${token}`),
  ),
  mistake('what is no token', '404 unknown-link', /no such download link/, ({ ask }) =>
    ask('GET', '/download/..%2f1'),
  ),
  mistake(
    'an expired link',
    '410 link-expired',
    /expired.*confirmation email to get a new link/,
    async (shop) => {
      const path = await shop.linkTo(await shop.restored(), { type: 'zip_all' });
      await shop.expire(path);
      return shop.ask('GET', path);
    },
  ),
  mistake(
    'a spent link',
    '410 link-spent',
    /used as often.*confirmation email to get a new link/,
    async (shop) => {
      const order = await shop.restored();
      const path = await shop.linkTo(order, { type: 'single_image', imageId: order.photos[0]?.restored?.id });
      for (let n = 0; n < 10; n++) await shop.ask('GET', path);
      return shop.ask('GET', path);
    },
  ),
];

const checkoutDone = (id?: string) => ({
  id: 'evt_test_1',
  object: 'event',
  type: 'checkout.session.completed',
  data: { object: id === undefined ? {} : { id } },
});

const webhooks: Mistake[] = [
  mistake(
    'a Stripe event without a signature',
    '400 signature-invalid',
    /missing, wrong or too old/,
    ({ post }) => post('/api/webhooks/stripe', checkoutDone('cs_1')),
  ),
  mistake(
    'a Stripe event with a wrong signature',
    '400 signature-invalid',
    /missing, wrong or too old/,
    ({ fromStripe }) => fromStripe(checkoutDone('cs_1'), { headers: { 'stripe-signature': 't=1,v1=00' } }),
  ),
  mistake(
    'a Stripe event of ten minutes ago',
    '400 signature-invalid',
    /missing, wrong or too old/,
    ({ fromStripe }) => fromStripe(checkoutDone('cs_1'), { age: 600 }),
  ),
  mistake('a Stripe event about nothing', '400 event-without-object', /names no object/, ({ fromStripe }) =>
    fromStripe(checkoutDone()),
  ),
  mistake(
    'email events without a signature',
    '400 signature-invalid',
    /missing, wrong or too old/,
    ({ post }) => post('/api/webhooks/sendgrid', [strayEmailEvent()]),
  ),
  ...['{"a":', '{}', '[1]'].map((body) =>
    mistake(
      `signed email events like ${body}`,
      '400 malformed-events',
      /not in the shape/,
      ({ fromSendGrid }) => fromSendGrid(body),
    ),
  ),
  mistake('1,001 email events', '413 too-many-events', /at most 1,000/, ({ fromSendGrid }) =>
    fromSendGrid(JSON.stringify(Array.from({ length: 1001 }, strayEmailEvent))),
  ),
];

const addresses: Mistake[] = [
  ...(
    [
      ['GET', '/'],
      ['POST', '/api/uploads'],
      ['GET', '/api/orders/1/photos'],
      ['GET', '/download/a/b'],
    ] as const
  ).map(([method, path]) =>
    mistake(`${method} ${path}`, '404 unknown-route', /nothing at this address/, ({ ask }) =>
      ask(method, path),
    ),
  ),
  ...(
    [
      ['GET', '/api/upload', 'POST'],
      ['DELETE', `/api/orders/${stranger}`, 'GET'],
      ['PUT', '/api/orders/claim', 'GET, POST'],
      ['POST', `/download/${token}`, 'GET'],
      ['OPTIONS', '/api/checkout', 'POST'],
    ] as const
  ).map(([method, path, allow]) =>
    mistake(
      `${method} ${path}`,
      '405 wrong-method',
      new RegExp(`${method}, only ${allow}`),
      ({ ask }) => ask(method, path),
      {
        headers: { allow },
      },
    ),
  ),
];

export const mistakes: Mistake[] = [
  ...uploads,
  ...fields,
  ...bodies,
  ...payment,
  ...orders,
  ...links,
  ...webhooks,
  ...addresses,
];
