/** The statement that ends an order: completed or failed, once, and with the email that says so. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { complete } from '../../lambdas/restoration/complete-order/complete.sql';
import { fail } from '../../lambdas/restoration/fail-attempt/fail.sql';
import { restored } from '../../lambdas/restoration/store-restored/restored.sql';
import { type Order, restoration } from '../../schema/samples/parameters.ts';
import { type TestDatabase, testDatabase } from './database.ts';
import { type Shop, shopOn } from './orders.ts';

let database: TestDatabase;
let shop: Shop;
beforeAll(async () => {
  database = await testDatabase();
  shop = shopOn(database);
});
afterAll(() => database?.drop());

describe('complete-order', () => {
  const giveUp = ({ photos: [photo] }: Order) => {
    const why = { errorCode: 'prediction_failed', errorMessage: 'no' };
    return shop.run(fail, { jobId: photo?.jobId ?? '', attempt: 1, retryable: false, counted: true, ...why });
  };
  const ending = ({ orderId }: Order, maxAttachmentBytes = 5000) => ({ orderId, maxAttachmentBytes });
  const emailRow = async (id: string | null | undefined) =>
    (await shop.rows('select * from email_queue where id = $1', [id]))[0];

  test('completes the order and queues its email, once', async () => {
    const order = await shop.allRestored({ count: 2 });
    const [row] = await shop.run(complete, ending(order));
    expect(row).toEqual({ status: 'completed', open: 0, emailId: expect.any(String) });
    expect(await emailRow(row?.emailId)).toMatchObject({
      email_type: 'restoration_complete',
      to_email: 'ada@example.com',
      status: 'pending',
    });
    const again = async () => expect(await shop.run(complete, ending(order))).toEqual([row]);
    expect(await shop.written(again)).toEqual([]);
  });

  test('attaches photos that are small enough together, by their ids alone', async () => {
    const [small, large] = [await shop.allRestored({ count: 2 }), await shop.allRestored({ count: 2 })];
    const [few] = await shop.run(complete, ending(small, 2000));
    expect((await emailRow(few?.emailId)).attachments).toEqual([
      { imageId: expect.any(String) },
      { imageId: expect.any(String) },
    ]);
    const [many] = await shop.run(complete, ending(large, 1999));
    expect((await emailRow(many?.emailId)).attachments).toEqual([]);
  });

  test('with some photos failed the order is completed, with all failed it has failed', async () => {
    const mixed = await shop.processing({ count: 2 });
    await giveUp(mixed);
    expect(await shop.run(complete, ending(mixed))).toMatchObject([{ status: 'processing', open: 1 }]);
    await shop.run(restored, restoration(mixed.photos[1]?.jobId ?? ''));
    expect(await shop.run(complete, ending(mixed))).toMatchObject([{ status: 'completed', open: 0 }]);
    const lost = await shop.processing({ count: 1 });
    await giveUp(lost);
    expect(await shop.run(complete, ending(lost))).toMatchObject([
      { status: 'failed', emailId: expect.any(String) },
    ]);
  });

  test.each(['placed', 'kept', 'claimed', 'processing'] as const)(
    'changes nothing while a photo is open: %s',
    async (stage) => {
      const order = await shop[stage]({ count: 1 });
      const asked = async () =>
        expect(await shop.run(complete, ending(order))).toEqual([
          { status: 'processing', open: 1, emailId: null },
        ]);
      expect(await shop.written(asked)).toEqual([]);
    },
  );

  test('answers no row for an unknown order', async () => {
    expect(await shop.run(complete, { orderId: randomUUID(), maxAttachmentBytes: 1 })).toEqual([]);
  });
});
