/** What goes amiss before there is an order: uploads and checkouts. */
import { expect } from '@jest/globals';
import { type Mistake, mistake, stranger } from './mistake.ts';

const jpeg = (name: string, size: unknown = 1000) => ({ name, type: 'image/jpeg', size });

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
    ] as const
  ).map(([type, says]) =>
    mistake(`a file of type “${type}”`, '415 unsupported-type', says, ({ announce }) =>
      announce({ ...jpeg('Aunt'), type }),
    ),
  ),
  ...(
    [
      ['IMG_0001.HEIC', /iPhone.*JPEG/],
      ['Scan 24.12.1943.tif', /TIFF.*save it as JPEG/],
    ] as const
  ).map(([name, says]) =>
    mistake(`${name} of no type`, '415 unsupported-type', says, ({ announce }) =>
      announce({ ...jpeg(name), type: '' }),
    ),
  ),
  mistake(
    'a type that no header can carry',
    '400 invalid-request',
    /“photos 1 type”.*plain/,
    ({ announce }) => announce({ ...jpeg('Aunt'), type: 'image/jpeg; name=Zoë' }),
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
  ...[stranger, '1'].map((session) =>
    mistake(
      `a wish to renew the session ${session}`,
      '404 unknown-session',
      /choose your photos again/,
      ({ post }) => post(`/api/upload/${session}/renew`, {}),
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
    'a checkout of a photo that was lost',
    '409 photos-gone',
    /no longer with us.*choose your photos again/,
    async ({ arrivedSession, lose, post }) => {
      const sessionId = await arrivedSession();
      await lose(sessionId);
      return post('/api/checkout', { sessionId });
    },
  ),
  mistake(
    'a checkout of refused photos only',
    '409 no-photos',
    /None of these photos.*choose your photos again/,
    async ({ post, refusedSession }) => post('/api/checkout', { sessionId: await refusedSession() }),
  ),
  mistake(
    'an eleventh payment page',
    '429 too-many-checkouts',
    /opened 10 times.*choose your photos again/,
    async (shop) => {
      const sessionId = await shop.arrivedSession();
      for (let n = 0; n < 10; n++) await shop.checkout(sessionId);
      return shop.post('/api/checkout', { sessionId });
    },
    { members: { limit: 10 } },
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

export const shoppingMistakes = [...uploads, ...fields, ...payment];
