/** What can be asked of the API amiss, and what it says to that. */
import { tokenHash } from '../../lambdas/download/token.ts';
import { type Mistake, mistake, stranger, token } from './mistake.ts';
import { type Shop, strayEmailEvent } from './shop.ts';
import { shoppingMistakes } from './shopping-mistakes.ts';

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
  const asText = async (shop: Shop) =>
    shop.ask('POST', await path(shop), {
      body: '{}',
      headers: { 'content-type': 'text/plain' },
      ...(needsKey ? { key: (await shop.restored()).key } : {}),
    });
  const tooMuch = JSON.stringify({ x: 'x'.repeat(300_000) });
  return [
    mistake(`${what} that is not JSON`, '400 malformed-json', /not valid JSON/, send('{"a":')),
    mistake(`${what} without a body`, '400 malformed-json', /not valid JSON/, send('')),
    mistake(`${what} as text`, '415 not-json', /application\/json/, asText),
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

const withheldWords = { refunded: /was refunded.*answer one of our emails/, disputed: /bank.*safe with us/ };

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
      async ({ post, restored, unrestored }) => {
        const { orderId, key, photos } = await restored();
        const other = await unrestored();
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
      `${action} while nothing is restored`,
      '409 nothing-restored',
      /send you an email/,
      async ({ post, unrestored }) => {
        const { orderId, key } = await unrestored();
        return post(`/api/orders/${orderId}/${action}`, json, key);
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
      `${action} of an order that is not paid`,
      '409 order-unpaid',
      /not paid yet/,
      async ({ post, unpaid }) => {
        const { orderId, key } = await unpaid();
        return post(`/api/orders/${orderId}/${action}`, json, key);
      },
    ),
  ),
  mistake(
    'a link of an order whose money does not come',
    '409 order-unpaid',
    /not paid yet/,
    async ({ asOwner, ask, unpaid }) => {
      const { orderId } = await unpaid();
      const secret = 'C'.repeat(43);
      await asOwner(
        `insert into restoreclick.download_links (order_id, token, link_type, target_images)
         select images.order_id, $2, 'single_image', array[images.id]
         from actor, restoreclick.images where images.order_id = $1
         on conflict do nothing`,
        orderId,
        tokenHash(secret),
      );
      return ask('GET', `/download/${secret}`);
    },
  ),
  ...(['refunded', 'disputed'] as const).flatMap((how) =>
    (
      [
        ['downloads', { type: 'zip_all' }],
        ['share', { recipients: ['grace@example.com'] }],
      ] as const
    ).map(([action, json]) =>
      mistake(
        `${action} of an order that is ${how}`,
        `410 order-${how}`,
        withheldWords[how],
        async (shop) => {
          const { orderId, key } = await shop[how]();
          return shop.post(`/api/orders/${orderId}/${action}`, json, key);
        },
      ),
    ),
  ),
  mistake(
    'a link more than an order may have',
    '409 link-limit',
    /very many download links/,
    async ({ asOwner, post, another }) => {
      const { orderId, key } = await another();
      await asOwner(
        `insert into restoreclick.download_links (order_id, token, link_type, target_images, expires_at)
         select $1, 'test ' || gen_random_uuid(), 'zip_all', '{}', restoreclick.present() + interval '1 day'
         from actor, generate_series(1, 500)`,
        orderId,
      );
      const answer = await post(`/api/orders/${orderId}/downloads`, { type: 'zip_all' }, key);
      await asOwner(
        'update restoreclick.download_links set expires_at = created_at from actor where order_id = $1',
        orderId,
      );
      return answer;
    },
  ),
  mistake(
    'a claim two days after the payment',
    '410 claim-too-late',
    /a while ago.*link in your email/,
    async ({ asOwner, post, unpaid }) => {
      const { orderId, checkoutId } = await unpaid();
      const age = (days: number) =>
        asOwner(
          `update restoreclick.orders set created_at = created_at - interval '${days} days'
           from actor where id = $1`,
          orderId,
        );
      await age(2);
      const answer = await post('/api/orders/claim', { checkoutId });
      await age(-2);
      return answer;
    },
  ),
  mistake(
    'a key that was revoked',
    '404 unknown-order',
    /cannot find this order/,
    async ({ asOwner, ask, unpaid }) => {
      const { orderId, key } = await unpaid();
      const raise = (by: number) =>
        asOwner(
          `update restoreclick.orders set key_version = key_version + ${by} from actor where id = $1`,
          orderId,
        );
      await raise(1);
      const answer = await ask('GET', `/api/orders/${orderId}`, { key });
      await raise(-1);
      return answer;
    },
  ),
  ...(
    [
      ['a link for a name', { senderName: 'Visit prize.example' }, /“senderName”: a name has letters/],
      ['a link in the message', { message: 'Win at prize.example' }, /cannot hold links.*“prize.example”/],
    ] as const
  ).map(([what, more, says]) =>
    mistake(`sharing with ${what}`, '400 invalid-request', says, async (shop) => {
      const { key } = await shop.restored();
      return shop.post(await orderPath('share')(shop), { recipients: ['grace@example.com'], ...more }, key);
    }),
  ),
  mistake('a made-up unsubscribe link', '404 unknown-unsubscribe', /just answer that email/, ({ post }) =>
    post(`/unsubscribe/${stranger}.${token}`, {}),
  ),
  mistake(
    'a fourth round of sharing',
    '409 share-limit',
    /share an order 3 times/,
    async (shop) => {
      const share = async (round: number) =>
        shop.post(
          await orderPath('share')(shop),
          { recipients: [`grace-${round}@example.com`] },
          (await shop.restored()).key,
        );
      for (const round of [1, 2, 3]) await share(round);
      return share(4);
    },
    { members: { limit: 3 } },
  ),
];

const links: Mistake[] = [
  ...(['refunded', 'disputed'] as const).map((how) =>
    mistake(`a link of an order that is ${how}`, `410 order-${how}`, withheldWords[how], async (shop) =>
      shop.ask('GET', (await shop[how]()).path),
    ),
  ),
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
  ...['{"a":', '{}'].map((body) =>
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
      ['POST', `/download/${token}`, 'GET, HEAD'],
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
  ...shoppingMistakes,
  ...bodies,
  ...orders,
  ...links,
  ...webhooks,
  ...addresses,
];
