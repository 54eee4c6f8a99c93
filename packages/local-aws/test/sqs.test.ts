/** The local SQS: messages are sent, received, hidden and deleted as SQS does it. */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, test } from '@jest/globals';
import {
  bodies,
  clock,
  deadLetters,
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

describe('sending and receiving', () => {
  test('a message arrives with its attributes and sums, and is gone once deleted', async () => {
    const sent = await operator.send(
      new SendMessageCommand({
        QueueUrl: work.url,
        MessageBody: 'Grüße, order 7',
        MessageAttributes: {
          kind: { DataType: 'String', StringValue: 'order' },
          raw: { DataType: 'Binary', BinaryValue: Buffer.from([1, 2, 3]) },
        },
      }),
    );
    const [message] = await receive();
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: 'Grüße, order 7',
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      Attributes: { ApproximateReceiveCount: '1', SenderId: 'operator' },
      MessageAttributes: { kind: { StringValue: 'order' } },
    });
    expect(message?.MessageAttributes?.raw?.BinaryValue).toEqual(new Uint8Array([1, 2, 3]));
    await operator.send(
      new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle: message?.ReceiptHandle }),
    );
    clock.advance(seconds(31));
    expect(await receive()).toEqual([]);
  });

  test('the sum over attributes is the one that SQS works out', async () => {
    const { MD5OfMessageAttributes } = await operator.send(
      new SendMessageCommand({
        QueueUrl: work.url,
        MessageBody: 'x',
        MessageAttributes: { timestamp: { DataType: 'Number', StringValue: '1493147359900' } },
      }),
    );
    expect(MD5OfMessageAttributes).toBe('235c5c510d26fb653d073faed50ae77c');
  });

  test('a received message is hidden for its visibility timeout and then comes again under a new handle', async () => {
    await send('a');
    const [first] = await receive();
    expect(await receive()).toEqual([]);
    clock.advance(seconds(30));
    const [second] = await receive();
    expect(second?.Attributes?.ApproximateReceiveCount).toBe('2');
    expect(second?.Attributes?.ApproximateFirstReceiveTimestamp).toBe(
      first?.Attributes?.ApproximateFirstReceiveTimestamp,
    );
    await operator.send(
      new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle: first?.ReceiptHandle }),
    );
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
    await operator.send(
      new DeleteMessageCommand({ QueueUrl: work.url, ReceiptHandle: second?.ReceiptHandle }),
    );
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  test('two receivers at once never get the same message', async () => {
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((body) => send(body)));
    const both = await Promise.all([
      sqs.receive(work.arn, { max: 4, waitMs: 0 }),
      sqs.receive(work.arn, { max: 4, waitMs: 0 }),
    ]);
    expect(
      both
        .flat()
        .map(({ body }) => body)
        .sort(),
    ).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('a delayed message is received only after its delay', async () => {
    await send('later', { DelaySeconds: 900 });
    expect(await receive()).toEqual([]);
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 1 });
    clock.advance(seconds(900));
    expect(bodies(await receive())).toEqual(['later']);
  });

  test('a waiting receive gets a message as soon as it arrives', async () => {
    const waiting = receive(work.url, { WaitTimeSeconds: 20 });
    await send('now');
    expect(bodies(await waiting)).toEqual(['now']);
  });

  test('a waiting receive gets a delayed message as soon as its delay is over', async () => {
    await send('soon', { DelaySeconds: 10 });
    const waiting = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    clock.advance(seconds(10));
    expect((await waiting).map(({ body }) => body)).toEqual(['soon']);
  });

  test('a waiting receive ends with nothing when its time is over, or when it is called off', async () => {
    const waiting = sqs.receive(work.arn, { max: 1, waitMs: seconds(20) });
    clock.advance(seconds(20));
    expect(await waiting).toEqual([]);
    const calledOff = new AbortController();
    const other = sqs.receive(work.arn, { max: 1, waitMs: seconds(20), signal: calledOff.signal });
    calledOff.abort();
    expect(await other).toEqual([]);
  });

  test('a message given back is visible at once, one no longer in flight cannot be given back', async () => {
    await send('a');
    const [message] = await receive();
    const giveBack = new ChangeMessageVisibilityCommand({
      QueueUrl: work.url,
      ReceiptHandle: message?.ReceiptHandle,
      VisibilityTimeout: 0,
    });
    await operator.send(giveBack);
    await expect(operator.send(giveBack)).rejects.toMatchObject({ name: 'MessageNotInflight' });
    expect(bodies(await receive())).toEqual(['a']);
  });

  test('groups with less in flight go first, so that a big group does not starve a small one', async () => {
    for (const body of ['big 1', 'big 2', 'big 3']) await send(body, { MessageGroupId: 'big' });
    await send('small 1', { MessageGroupId: 'small' });
    const [first] = await sqs.receive(work.arn, { max: 1, waitMs: 0 });
    const [second] = await sqs.receive(work.arn, { max: 1, waitMs: 0 });
    expect([first?.body, second?.body]).toEqual(['big 1', 'small 1']);
    expect(second?.attributes.MessageGroupId).toBe('small');
  });

  test('a message older than the retention is gone', async () => {
    await send('old');
    clock.advance(seconds(work.retentionSeconds));
    expect(await receive()).toEqual([]);
    expect(sqs.counts(work.arn)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  test('messages survive a restart, and those in flight come again when their visibility ends', async () => {
    await send('kept');
    await receive();
    await send('waiting');
    sqs.close();
    await open();
    expect(bodies(await receive())).toEqual(['waiting']);
    clock.advance(seconds(30));
    expect(bodies(await receive())).toEqual(['kept', 'waiting']);
  });

  test('idle waits for visible, delayed and in-flight messages, but not for dead letters', async () => {
    await sqs.send(deadLetters.arn, 'dead');
    await send('a');
    let idle = false;
    const whenIdle = sqs.idle().then(() => {
      idle = true;
    });
    const [message] = await receive();
    expect(idle).toBe(false);
    await sqs.delete(work.arn, message?.ReceiptHandle ?? '');
    await whenIdle;
  });
});
