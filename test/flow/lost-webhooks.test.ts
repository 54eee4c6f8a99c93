/**
 * Stripe's webhook is dead for good: each net alone makes an order of every payment, and settles
 * it.
 */
import { SendMessageCommand, SQSClient, StartMessageMoveTaskCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import { asOperator, atStripe, functionOf, givenUp, mailsTo, queueOf, rows } from './backstage.ts';
import {
  ended,
  type OpenCheckout,
  openCheckout,
  openSystem,
  type Payer,
  payAt,
  payer,
  photo,
  type TestSystem,
  uploadPhotos,
} from './system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await openSystem();
  const { name } = functionOf(system, 'payment/receive-stripe-event');
  system.faults.inject({ function: name, service: 'sqs', action: 'fail-before' });
});
afterAll(() => system?.close());

const hour = 3_600_000;

async function paid(by: Payer, seed: number): Promise<OpenCheckout> {
  const checkout = await openCheckout(system, await uploadPhotos(system, [await photo('One.jpg', seed)], by));
  await payAt(checkout, by);
  return checkout;
}

const orderOf = async ({ checkoutId }: OpenCheckout) =>
  (
    await rows(system, 'select * from restoreclick.orders where stripe_checkout_session_id = $1', [
      checkoutId,
    ])
  )[0];

/** How often the sweep has run; the last line of each run says so. */
const sweeps = () => system.log.filter((line) => line.includes('"message":"swept"'));
async function nextSweep(): Promise<string> {
  const before = sweeps().length;
  system.clock.advance(hour);
  const found = await system.until(
    async () => sweeps(),
    ({ length }) => length > before,
  );
  return found.at(-1) ?? '';
}

/**
 * How many statements the steps have run that the sweep sends to; a mail's look at its lease is
 * none.
 */
function statements(): number {
  const callers = ['payment/place-order', 'payment/settle-payment'].map(
    (step) => functionOf(system, step).logicalId,
  );
  return system.rdsData.statements().filter(({ caller }) => callers.includes(caller)).length;
}

/** One order, restored, and told of once; nothing of it came by the webhook. */
async function expectRestored(checkout: OpenCheckout, by: Payer): Promise<void> {
  const order = await customer.claim(system.at, checkout.checkoutId);
  expect((await ended(system, order)).status).toBe('completed');
  await customer.readMails(system.at, by.email, order.orderNumber, 2);
  expect(await mailsTo(system.at, by.email)).toHaveLength(2);
  expect(givenUp(system)).toEqual({});
  const events = await rows(
    system,
    `select distinct event_id from restoreclick.webhook_events where object_id = $1 and event_id like 'evt%'`,
    [checkout.checkoutId],
  );
  expect(events).toEqual([]);
}

test('the browser that asks for its order has it placed', async () => {
  const by = payer('asking');
  const checkout = await paid(by, 1);
  system.clock.advance(61_000);
  await expectRestored(checkout, by);
  expect(
    await rows(system, `select 1 from restoreclick.webhook_events where event_id = $1`, [
      `claim:${checkout.checkoutId}`,
    ]),
  ).toHaveLength(1);
});

test('the sweep places it where nobody asks, and lets the database sleep once it is placed', async () => {
  const by = payer('silent');
  const checkout = await paid(by, 2);
  await nextSweep();
  await system.until(
    () => orderOf(checkout),
    (order) => order !== undefined,
  );
  await expectRestored(checkout, by);

  const before = statements();
  expect(JSON.parse(/\{.*\}/.exec(await nextSweep())?.[0] ?? '')).toMatchObject({ checkouts: 0, late: 0 });
  await system.quiet();
  expect(statements()).toBe(before);
});

test('the sweep brings a refund', async () => {
  const by = payer('refunded');
  const checkout = await paid(by, 3);
  await nextSweep();
  const order = await system.until(
    () => orderOf(checkout),
    (found) => found !== undefined,
  );
  await atStripe(system, `payments/${order?.stripe_payment_intent_id}/refund`);
  await nextSweep();
  await system.until(
    () => orderOf(checkout),
    (found) => found?.status === 'refunded',
  );
});

test('a dead letter, moved back, places it', async () => {
  const by = payer('buried');
  const checkout = await paid(by, 4);
  const { deadLetterArn = '' } = queueOf(system, 'payment/place-order').redrive ?? {};
  const deadLetters = system.model.queues.find(({ arn }) => arn === deadLetterArn);
  const client = new SQSClient(asOperator(system));
  const message = {
    eventId: 'redriven',
    type: 'checkout.session.completed',
    objectId: checkout.checkoutId,
    paymentIntentId: null,
  };
  await client.send(
    new SendMessageCommand({ QueueUrl: deadLetters?.url, MessageBody: JSON.stringify(message) }),
  );
  expect(await orderOf(checkout)).toBeUndefined();
  const { arn: DestinationArn } = queueOf(system, 'payment/place-order');
  await client.send(new StartMessageMoveTaskCommand({ SourceArn: deadLetterArn, DestinationArn }));
  client.destroy();
  await system.until(
    () => orderOf(checkout),
    (order) => order !== undefined,
  );
  await expectRestored(checkout, by);
});
