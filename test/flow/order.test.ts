/** One order from upload to download, through the whole system. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import { ada, ended, openSystem, photo, placeOrder, type TestSystem } from './system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await openSystem();
});
afterAll(() => system?.close());

describe('an order of two photos', () => {
  test('is restored, announced by two mails, and downloaded by the links in them', async () => {
    const photos = [await photo('Grandma.jpg', 1), await photo('Grandpa.jpg', 2)];
    const order = await placeOrder(system, photos);
    const { status, photos: restored } = await ended(system, order);
    expect(status).toBe('completed');
    expect(restored.map(({ name, state }) => [name, state])).toEqual([
      ['Grandma.jpg', 'restored'],
      ['Grandpa.jpg', 'restored'],
    ]);
    const mails = await customer.readMails(system.at, ada.email, order.orderNumber, 2);
    expect(mails.map(({ subject }) => subject)).toEqual([
      `We have your photos: order ${order.orderNumber}`,
      `Your photos are restored: order ${order.orderNumber}`,
    ]);
    const files = await Promise.all(mails.flatMap(customer.downloadLinks).map(customer.download));
    expect(files.map(({ name }) => name).sort()).toEqual([
      'Grandma restored.png',
      'Grandpa restored.png',
      `RestoreClick ${order.orderNumber}.zip`,
    ]);
    await system.quiet();
  });
});
