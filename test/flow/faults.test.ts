/**
 * Steps that die or lose an answer in the middle: their messages come again, and the order ends as
 * if nothing had been.
 */
import { ListMessageMoveTasksCommand, SQSClient, StartMessageMoveTaskCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as customer from '../../demo/customer.ts';
import {
  asOperator,
  breakReplicate,
  comesAgain,
  givenUp,
  injectInto,
  longestWaitSeconds,
  mailsTo,
  predictions,
  queueOf,
  rows,
} from './backstage.ts';
import {
  ended,
  openCheckout,
  openSystem,
  payAt,
  payer,
  photo,
  placeOrder,
  type TestSystem,
  uploadPhotos,
} from './system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await openSystem();
});
afterAll(() => system?.close());

/** The order is restored, once, and told of once. */
async function expectOneOfEach(order: customer.Order, email: string): Promise<void> {
  expect((await ended(system, order)).status).toBe('completed');
  await customer.readMails(system.at, email, order.orderNumber, 2);
  expect(await predictions(system, order.orderId)).toHaveLength(1);
  expect((await mailsTo(system.at, email)).map(({ subject }) => subject)).toEqual([
    `We have your photo: order ${order.orderNumber}`,
    `Your photo is restored: order ${order.orderNumber}`,
  ]);
  expect(givenUp(system)).toEqual({});
}

describe('an order is restored, once, and told of once', () => {
  test('when place-order dies after its statement, before it has asked for the photos to be kept', async () => {
    const by = payer('placed');
    const checkout = await openCheckout(system, await uploadPhotos(system, [await photo('One.jpg', 1)], by));
    const fault = injectInto(system, 'payment/place-order', {
      operation: 'POST /Execute',
      action: 'kill-after',
    });
    await payAt(checkout, by);
    await comesAgain(system, 'payment/place-order');
    await expectOneOfEach(await customer.claim(system.at, checkout.checkoutId), by.email);
    expect(fault.fired()).toBe(1);
  });

  test('when the answer to the copy of the original is lost', async () => {
    const by = payer('copied');
    const fault = injectInto(system, 'payment/keep-original', {
      service: 's3',
      operation: /^PUT .*x-id=CopyObject/,
      action: 'fail-after',
    });
    await expectOneOfEach(await placeOrder(system, [await photo('One.jpg', 2)], by), by.email);
    expect(fault.fired()).toBe(1);
  });

  test('when keep-original dies after the copy', async () => {
    const by = payer('kept');
    injectInto(system, 'payment/keep-original', {
      service: 's3',
      operation: /^PUT .*x-id=CopyObject/,
      action: 'kill-after',
    });
    const order = await placeOrder(system, [await photo('One.jpg', 3)], by);
    await comesAgain(system, 'payment/keep-original');
    await expectOneOfEach(order, by.email);
  });

  test('when submit-job dies after the prediction was created, which is found again and not paid for twice', async () => {
    const by = payer('submitted');
    const fault = injectInto(system, 'restoration/submit-job', {
      service: 'replicate',
      operation: /^POST .*predictions/,
      action: 'kill-after',
    });
    const order = await placeOrder(system, [await photo('One.jpg', 4)], by);
    await comesAgain(system, 'restoration/submit-job');
    await expectOneOfEach(order, by.email);
    expect(fault.fired()).toBe(1);
  });

  test('when store-restored dies after its upload', async () => {
    const by = payer('stored');
    const fault = injectInto(system, 'restoration/store-restored', {
      service: 's3',
      operation: /^PUT .*x-id=PutObject/,
      action: 'kill-after',
    });
    await expectOneOfEach(await placeOrder(system, [await photo('One.jpg', 5)], by), by.email);
    expect(fault.fired()).toBe(1);
  });

  test('when complete-order dies after its statement', async () => {
    const by = payer('ended');
    injectInto(system, 'restoration/complete-order', { operation: 'POST /Execute', action: 'kill-after' });
    const order = await placeOrder(system, [await photo('One.jpg', 6)], by);
    await comesAgain(system, 'restoration/complete-order');
    await expectOneOfEach(order, by.email);
  });

  test('when SendGrid’s answer is lost: its event says that the mail was sent', async () => {
    const by = payer('mailed');
    const fault = injectInto(system, 'email/send-email', { service: 'sendgrid', action: 'fail-after' });
    const order = await placeOrder(system, [await photo('One.jpg', 7)], by);
    await expectOneOfEach(order, by.email);
    const emails = () =>
      rows(
        system,
        'select status, attempt_number, error_code, error_message from restoreclick.email_queue where order_id = $1',
        [order.orderId],
      );
    await system.until(emails, (found) => found.every(({ status }) => status === 'sent'));
    // The step looks again when the doubt ends, and finds nothing to do.
    system.clock.advance(601_000);
    await system.quiet();
    expect(await emails()).toEqual([
      { status: 'sent', attempt_number: 1, error_code: null, error_message: null },
      { status: 'sent', attempt_number: 1, error_code: null, error_message: null },
    ]);
    expect(await mailsTo(system.at, by.email)).toHaveLength(2);
    expect(fault.fired()).toBe(1);
  });

  test('when send-email dies before it could send: its lease ends, and another run sends', async () => {
    const by = payer('leased');
    injectInto(system, 'email/send-email', { service: 'sendgrid', action: 'kill-before' });
    const order = await placeOrder(system, [await photo('One.jpg', 8)], by);
    await comesAgain(system, 'email/send-email');
    await expectOneOfEach(order, by.email);
  });
});

describe('a step that failed as often as its queue allows', () => {
  test('leaves its message in the dead-letter queue; moved back by the AWS SDK, the order ends', async () => {
    const by = payer('redriven');
    const step = 'restoration/submit-job';
    const failedBefore = system.log.filter((line) =>
      /\[aws\] RestorationSubmitJob\w+ failed/.test(line),
    ).length;
    const { deadLetterArn = '', maxReceiveCount = 0 } = queueOf(system, step).redrive ?? {};
    await breakReplicate(system, { fault: 'out-of-credit', calls: maxReceiveCount });
    const order = await placeOrder(system, [await photo('One.jpg', 9)], by);
    for (let receive = 1; receive <= maxReceiveCount; receive += 1)
      await comesAgain(system, step, failedBefore + receive, longestWaitSeconds);
    await system.until(
      async () => system.sqs.counts(deadLetterArn).visible,
      (count) => count === 1,
    );

    const client = new SQSClient(asOperator(system));
    await client.send(new StartMessageMoveTaskCommand({ SourceArn: deadLetterArn }));
    await expectOneOfEach(order, by.email);
    const { Results = [] } = await client.send(new ListMessageMoveTasksCommand({ SourceArn: deadLetterArn }));
    client.destroy();
    expect(Results[0]).toMatchObject({ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1 });
  });
});
