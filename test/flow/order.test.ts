/**
 * One order from upload to download, through the whole system, and how often it asks the database.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import { fill } from '../../schema/bench/fill.ts';
import { budgets } from '../../schema/bench/report.ts';
import { isConflict } from '../../schema/statements/statement.ts';
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

/**
 * The page asks these again and again, as often as it likes; SendGrid tells of deliveries in
 * batches, when it likes.
 */
const notCounted = [
  'upload/get-session',
  'order/claim-order',
  'order/get-order',
  'email/receive-sendgrid-events',
];
/**
 * How many statements each step has run, those left out that were tried again: they have done
 * nothing, and their number is chance.
 */
function statementsByStep(): Record<string, number> {
  const steps = new Map(
    system.model.functions.map(({ logicalId, description }) => [logicalId, description.split(':')[0] ?? '']),
  );
  const counts: Record<string, number> = {};
  for (const { caller, sqlstate } of system.rdsData.statements()) {
    const step = steps.get(caller) ?? caller;
    if (isConflict(sqlstate) || notCounted.includes(step)) continue;
    counts[step] = (counts[step] ?? 0) + 1;
  }
  return counts;
}

type RoundTrips = { step: string; aPhoto: number; anOrder: number; severalOnly: boolean };

/** The table in docs/architecture.md, and its last row, the sums. */
async function documented(): Promise<{ steps: RoundTrips[]; sums: RoundTrips }> {
  const page = await readFile('docs/architecture.md', 'utf8');
  const [, table = ''] = /<!-- round trips -->(.*)<!-- \/round trips -->/s.exec(page) ?? [];
  const rows = [...table.matchAll(/^\| (\S+) \| (\S+) \| (\S+) \| (.*) \|$/gm)].slice(1);
  const steps = rows.map(([, step = '', aPhoto = '', anOrder = '', what = '']) => ({
    step: step.replaceAll('`', ''),
    aPhoto: Number(aPhoto.replace('–', '0')),
    anOrder: Number(anOrder.replace('–', '0')),
    severalOnly: what.includes('several photos'),
  }));
  const sums = steps.pop();
  if (!sums) throw new Error('docs/architecture.md has no table of round trips.');
  return { steps, sums };
}

/** What the steps' clients said of statements that they tried again, since that line of the log. */
const retriesLogged = (since: number) =>
  system.log
    .slice(since)
    .filter((line) => line.includes('statement tried again'))
    .reduce((sum, line) => sum + Number(/"tries":(\d+)/.exec(line)?.[1]) - 1, 0);

describe('from the first request to the completion email', () => {
  // In a shop without orders every table is one page, which all read and write: there, conflicts
  // are the rule.
  beforeAll(async () => {
    const client = await system.pool.connect();
    await fill(client, 5_000).finally(() => client.release());
  });

  test.each([1, 3])('an order of %i asks the database as often as the table says', async (count) => {
    await system.quiet();
    system.rdsData.forgetStatements();
    const since = system.log.length;
    const by = payer(`counted-${count}`);
    const photos = await Promise.all(
      Array.from({ length: count }, (_, index) => photo(`${index}.jpg`, 10 * count + index)),
    );
    const order = await placeOrder(system, photos, by);
    await ended(system, order);
    await customer.readMails(system.at, by.email, order.orderNumber, 2);
    await system.quiet();
    const { steps } = await documented();
    const said = steps
      .filter(({ severalOnly }) => count > 1 || !severalOnly)
      .map(({ step, aPhoto, anOrder }) => [step, aPhoto * count + anOrder]);
    expect(statementsByStep()).toEqual(Object.fromEntries(said));
    const run = system.rdsData.statements();
    const retries = run.filter(({ sqlstate }) => isConflict(sqlstate)).length;
    // At most 0.5 %, which is none of so few; one may be chance, where two photos of an order come
    // at the same moment.
    expect(retries).toBeLessThanOrEqual(Math.max(1, budgets.retries * run.length));
    await system.until(
      async () => retriesLogged(since),
      (logged) => logged === retries,
    );
  });

  test('the table is within the budget: five a photo, ten an order', async () => {
    const { steps, sums } = await documented();
    const sum = (of: 'aPhoto' | 'anOrder') => steps.reduce((total, row) => total + row[of], 0);
    expect(sums).toMatchObject({ aPhoto: sum('aPhoto'), anOrder: sum('anOrder') });
    expect(sums.aPhoto).toBeLessThanOrEqual(5);
    expect(sums.anOrder).toBeLessThanOrEqual(10);
  });
});
