/** What the local SQS refuses, and what it says of its queues. */
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import { deadLetters, gateway, operator, send, sender, setUp, sqs, work } from './sqs-setup.ts';

setUp();

describe('batches', () => {
  test('a wrong entry fails alone', async () => {
    const { Successful, Failed } = await operator.send(
      new SendMessageBatchCommand({
        QueueUrl: work.url,
        Entries: [
          { Id: 'good', MessageBody: 'a' },
          { Id: 'late', MessageBody: 'b', DelaySeconds: 901 },
          { Id: 'empty', MessageBody: '' },
        ],
      }),
    );
    expect(Successful?.map(({ Id }) => Id)).toEqual(['good']);
    expect(Failed?.map(({ Id, Code }) => [Id, Code])).toEqual([
      ['late', 'InvalidParameterValue'],
      ['empty', 'MissingParameter'],
    ]);
  });

  test.each([
    ['no entry', 0, 'a', 'EmptyBatchRequest'],
    ['eleven entries', 11, 'a', 'TooManyEntriesInBatchRequest'],
    ['more than 1 MiB in all', 2, 'a'.repeat(600_000), 'BatchRequestTooLong'],
  ])('%s is refused', async (_, count, body, name) => {
    const Entries = Array.from({ length: count }, (__, i) => ({ Id: `e${i}`, MessageBody: body }));
    const command = new SendMessageBatchCommand({ QueueUrl: work.url, Entries });
    await expect(operator.send(command)).rejects.toMatchObject({ name });
  });

  test('entries with the same id are refused', async () => {
    const Entries = [1, 2].map(() => ({ Id: 'same', MessageBody: 'a' }));
    const command = new SendMessageBatchCommand({ QueueUrl: work.url, Entries });
    await expect(operator.send(command)).rejects.toMatchObject({ name: 'BatchEntryIdsNotDistinct' });
  });
});

describe('refusals', () => {
  test('a message may have 1 MiB, and no byte more', async () => {
    await send('a'.repeat(1024 * 1024));
    await expect(send('a'.repeat(1024 * 1024 + 1))).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  test('a body with a control character is refused', async () => {
    await expect(send('a\u0000b')).rejects.toMatchObject({ name: 'InvalidMessageContents' });
  });

  test('a delay of more than 15 minutes is refused', async () => {
    await expect(send('a', { DelaySeconds: 901 })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('DelaySeconds'),
    });
  });

  test('an unknown queue is told apart by its error', async () => {
    const command = new SendMessageCommand({
      QueueUrl: `${gateway.url}/000000000000/none`,
      MessageBody: 'a',
    });
    await expect(operator.send(command)).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
    await expect(operator.send(new GetQueueUrlCommand({ QueueName: 'none' }))).rejects.toMatchObject({
      name: 'QueueDoesNotExist',
    });
  });

  test('a handle that is none, or of another queue, is refused', async () => {
    await sqs.send(deadLetters.arn, 'dead');
    const [dead] = await sqs.receive(deadLetters.arn, { max: 1, waitMs: 0 });
    for (const ReceiptHandle of ['nonsense', dead?.receiptHandle]) {
      const command = new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle });
      await expect(operator.send(command)).rejects.toMatchObject({ name: 'ReceiptHandleIsInvalid' });
    }
  });

  test('a caller may do what its policy allows and nothing else', async () => {
    await sender.send(new SendMessageCommand({ QueueUrl: work.url, MessageBody: 'a' }));
    await expect(sender.send(new ReceiveMessageCommand({ QueueUrl: work.url }))).rejects.toMatchObject({
      message: expect.stringContaining('sqs:ReceiveMessage'),
    });
    await expect(
      sender.send(new SendMessageCommand({ QueueUrl: deadLetters.url, MessageBody: 'a' })),
    ).rejects.toMatchObject({ message: expect.stringContaining('not authorized') });
  });

  test('what the local SQS does not know is named, never ignored', async () => {
    const command = new SendMessageCommand({
      QueueUrl: work.url,
      MessageBody: 'a',
      MessageDeduplicationId: 'x',
    });
    await expect(operator.send(command)).rejects.toMatchObject({
      message: expect.stringContaining('MessageDeduplicationId'),
    });
  });
});

describe('queues', () => {
  test('they are listed, found by name, described and emptied', async () => {
    await Promise.all([send('a'), send('b', { DelaySeconds: 5 })]);
    expect((await operator.send(new ListQueuesCommand({}))).QueueUrls).toEqual([work.url, deadLetters.url]);
    expect((await operator.send(new GetQueueUrlCommand({ QueueName: 'work' }))).QueueUrl).toBe(work.url);
    const describeAll = new GetQueueAttributesCommand({ QueueUrl: work.url, AttributeNames: ['All'] });
    expect((await operator.send(describeAll)).Attributes).toMatchObject({
      QueueArn: work.arn,
      ApproximateNumberOfMessages: '1',
      ApproximateNumberOfMessagesDelayed: '1',
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 2 }),
    });
    await operator.send(new PurgeQueueCommand({ QueueUrl: work.url }));
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });
});
