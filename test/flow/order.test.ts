/** One order from upload to download, through the whole system, and how often it asks the database. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import { ada, ended, openSystem, payer, photo, placeOrder, type TestSystem } from './system.ts';

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

/** The page asks these again and again, as often as it likes; SendGrid tells of deliveries in batches, when it likes. */
const notCounted = [
  'upload/get-session',
  'order/claim-order',
  'order/get-order',
  'email/receive-sendgrid-events',
];

/** How many statements each step has run, and how many of them because another was in the way. */
function statementsByStep(): Record<string, number> {
  const steps = new Map(
    system.model.functions.map(({ logicalId, description }) => [logicalId, description.split(':')[0] ?? '']),
  );
  const counts: Record<string, number> = {};
  for (const { caller, sqlstate } of system.rdsData.statements()) {
    const step = steps.get(caller) ?? caller;
    // A serialization conflict has done nothing, and its number is chance.
    if (sqlstate === '40001' || notCounted.includes(step)) continue;
    counts[step] = (counts[step] ?? 0) + 1;
  }
  return counts;
}

describe('from the first request to the completion email', () => {
  test.each([1, 3])(
    'an order of %i asks the database at most five times a photo and ten times besides',
    async (count) => {
      await system.quiet();
      system.rdsData.forgetStatements();
      const by = payer(`counted-${count}`);
      const photos = await Promise.all(
        Array.from({ length: count }, (_, index) => photo(`${index}.jpg`, 10 * count + index)),
      );
      const order = await placeOrder(system, photos, by);
      await ended(system, order);
      await customer.readMails(system.at, by.email, order.orderNumber, 2);
      await system.quiet();
      const table = statementsByStep();
      const total = Object.values(table).reduce((sum, n) => sum + n, 0);
      expect({ total, withinBudget: total <= 5 * count + 10, ...table }).toMatchObject({
        withinBudget: true,
      });
      expect(table['payment/place-order']).toBe(1);
      // One photo alone needs no archive.
      expect(table['download/build-archive']).toBe(count > 1 ? 1 : undefined);
    },
  );
});
