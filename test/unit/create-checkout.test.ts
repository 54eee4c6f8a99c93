import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { PaymentProvider } from '../../lambdas/providers/payment.ts';
import { apiEvent } from './aws.ts';
import { type Edges, replaceEdges } from './edges.ts';
import { replaceS3 } from './s3.ts';

const provider = {
  createCheckout: jest.fn<PaymentProvider['createCheckout']>(),
  expireCheckout: jest.fn<PaymentProvider['expireCheckout']>(),
};
jest.unstable_mockModule('../../lambdas/payment/provider.ts', () => ({ payments: async () => provider }));
const createCheckout = await import('../../lambdas/payment/create-checkout/handler.ts');

const sessionId = '6f1c2b1e-0000-4000-8000-000000000001';
const paths = Array.from({ length: 12 }, (_, n) => `uploads/temp/s/${n}.jpg`);

let edges: Edges;
let s3: ReturnType<typeof replaceS3>;
beforeEach(() => {
  edges = replaceEdges();
  s3 = replaceS3();
  for (const path of paths) s3.put(`temp/${path}`, Buffer.from('photo'));
  edges.answer('payment/create-checkout/freeze', [
    {
      known: 12,
      sold: false,
      arriving: [],
      attempt: 2,
      paths,
      earlierCheckoutId: null,
    },
  ]);
  edges.answer('payment/create-checkout/record', [{ checkoutRow: sessionId }]);
  const expiresAt = new Date(0);
  provider.createCheckout
    .mockReset()
    .mockResolvedValue({ id: 'cs_1', url: 'https://pay.example', expiresAt });
});
afterEach(() => void jest.restoreAllMocks());

const post = () => createCheckout.handler(apiEvent({ body: JSON.stringify({ sessionId }) }));

describe('create-checkout', () => {
  test('sells photos that will live until they are kept', async () => {
    expect(await post()).toMatchObject({ statusCode: 201 });
    expect(s3.calls).toEqual(paths.map((path) => `PutObjectTagging temp/${path}`));
    expect(provider.createCheckout.mock.calls).toMatchObject([[{ sessionId, attempt: 2, photos: 12 }]]);
  });

  test('sells nothing that it was not let keep', async () => {
    s3.fail('PutObjectTagging', 403);
    expect(await post()).toMatchObject({ statusCode: 500 });
    expect(provider.createCheckout).not.toHaveBeenCalled();
  });

  test('sells no photo that is gone', async () => {
    s3.objects.delete(`temp/${paths[11]}`);
    expect(await post()).toMatchObject({ statusCode: 409, body: expect.stringContaining('photos-gone') });
    expect(provider.createCheckout).not.toHaveBeenCalled();
  });
});
