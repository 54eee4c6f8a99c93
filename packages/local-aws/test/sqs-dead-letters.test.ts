/** Messages received too often, and the way back. */
import { ListMessageMoveTasksCommand, StartMessageMoveTaskCommand } from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import {
  clock,
  deadLetters,
  giveUp,
  open,
  operator,
  receive,
  seconds,
  send,
  setUp,
  sqs,
  work,
} from './sqs-setup.ts';

setUp();

describe('dead letters', () => {
  test('a message received too often moves to the dead-letter queue and keeps its time of sending', async () => {
    await send('broken');
    const [first] = await receive(work.url, { VisibilityTimeout: 0 });
    await giveUp();
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    const [dead] = await receive(deadLetters.url);
    expect(dead).toMatchObject({
      MessageId: first?.MessageId,
      Body: 'broken',
      Attributes: {
        SentTimestamp: first?.Attributes?.SentTimestamp,
        DeadLetterQueueSourceArn: work.arn,
      },
    });
  });

  test('redriving sends them back to where they came from, as new', async () => {
    await send('broken');
    await giveUp();
    const back = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    await operator.send(new StartMessageMoveTaskCommand({ SourceArn: deadLetters.arn }));
    const [message] = await back;
    expect(message).toMatchObject({ body: 'broken', attributes: { ApproximateReceiveCount: '1' } });
    const { Results } = await operator.send(new ListMessageMoveTasksCommand({ SourceArn: deadLetters.arn }));
    expect(Results).toMatchObject([
      { Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1, ApproximateNumberOfMessagesToMove: 1 },
    ]);
  });

  test('one task at a time, at the speed asked for', async () => {
    for (const body of ['a', 'b', 'c']) await sqs.send(deadLetters.arn, body);
    const start = new StartMessageMoveTaskCommand({
      SourceArn: deadLetters.arn,
      DestinationArn: work.arn,
      MaxNumberOfMessagesPerSecond: 1,
    });
    await operator.send(start);
    await expect(operator.send(start)).rejects.toMatchObject({ name: 'UnsupportedOperation' });
    for (const body of ['a', 'b', 'c']) {
      const [message] = await sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
      expect(message?.body).toBe(body);
      if (body !== 'c') expect(sqs.counts(deadLetters.arn).visible).toBeGreaterThan(0);
      clock.advance(seconds(1));
    }
    const { Results } = await operator.send(new ListMessageMoveTasksCommand({ SourceArn: deadLetters.arn }));
    expect(Results).toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 3 }]);
  });

  test('a running task goes on after a restart', async () => {
    for (const body of ['a', 'b']) await sqs.send(deadLetters.arn, body);
    const arrived = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    await operator.send(
      new StartMessageMoveTaskCommand({
        SourceArn: deadLetters.arn,
        DestinationArn: work.arn,
        MaxNumberOfMessagesPerSecond: 1,
      }),
    );
    await arrived;
    sqs.close();
    await open();
    const [second] = await sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    expect(second?.body).toBe('b');
  });

  test('a message that was sent there directly has nowhere to go back to', async () => {
    await sqs.send(deadLetters.arn, 'stray');
    await operator.send(new StartMessageMoveTaskCommand({ SourceArn: deadLetters.arn }));
    const { Results } = await operator.send(new ListMessageMoveTasksCommand({ SourceArn: deadLetters.arn }));
    expect(Results).toMatchObject([{ Status: 'FAILED', FailureReason: 'CouldNotDetermineMessageSource' }]);
  });

  test('only a dead-letter queue can be redriven', async () => {
    const command = new StartMessageMoveTaskCommand({ SourceArn: work.arn, DestinationArn: deadLetters.arn });
    await expect(operator.send(command)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });
});
