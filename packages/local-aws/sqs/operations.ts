/** SQS's API: each operation authorises its caller on the queue, then acts on it. */
import type { z } from 'zod';
import { type AwsCall, AwsError } from '../gateway/service.ts';
import type { QueueModel } from '../template/model.ts';
import {
  type MessageAttributes,
  maxMessageBytes,
  md5,
  md5OfAttributes,
  type ReceivedMessage,
  sizeOf,
} from './message.ts';
import type { MoveTask, MoveTasks } from './move-tasks.ts';
import type { Queue } from './queue.ts';
import { checkBatch, parse, type Request, requests, sendEntry } from './requests.ts';

/** By name; each parses its request, authorises, acts, and returns the answer's body. */
export type Operations = Record<string, (call: AwsCall, input: unknown) => Promise<unknown>>;

const on =
  <T>(schema: z.ZodType<T>, act: (call: AwsCall, request: T) => unknown): Operations[string] =>
  async (call, input) =>
    act(call, parse(schema, call.operation, input));

type Receive = (
  queue: Queue,
  options: { max: number; waitMs: number; visibilitySeconds?: number },
) => Promise<ReceivedMessage[]>;

/** An optional member: absent rather than undefined. */
const given = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };

/** Runs a batch's entries, each on its own: what fails is told beside what succeeded. */
async function eachEntry<E extends { Id: string }, R extends object>(
  entries: E[],
  act: (entry: E) => Promise<R>,
) {
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...(await act(entry)) });
    } catch (error) {
      if (!(error instanceof AwsError) || error.status >= 500) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  }
  return { Successful, ...(Failed.length > 0 && { Failed }) };
}

async function sendOne(queue: Queue, call: AwsCall, entry: Omit<Request<'SendMessage'>, 'QueueUrl'>) {
  const attributes = entry.MessageAttributes ?? {};
  const message = await queue.send(entry.MessageBody, {
    attributes,
    senderId: call.caller,
    ...given('delaySeconds', entry.DelaySeconds),
    ...given('groupId', entry.MessageGroupId),
  });
  return {
    MessageId: message.id,
    MD5OfMessageBody: md5(message.body),
    ...given('MD5OfMessageAttributes', md5OfAttributes(attributes)),
  };
}

/** Whether a name is asked for by `All`, `.*`, a prefix `order.*` or itself. */
const asked = (names: string[], name: string) =>
  names.some((n) => n === 'All' || n === name || (n.endsWith('.*') && name.startsWith(n.slice(0, -2))));

const pick = <V>(values: Record<string, V>, names: string[]): Record<string, V> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => asked(names, name)));

function wireMessage(message: ReceivedMessage, request: Request<'ReceiveMessage'>) {
  const system = pick(message.attributes, [
    ...request.AttributeNames,
    ...request.MessageSystemAttributeNames,
  ]);
  const own: MessageAttributes = pick(message.messageAttributes, request.MessageAttributeNames);
  const sum = md5OfAttributes(own);
  return {
    MessageId: message.messageId,
    ReceiptHandle: message.receiptHandle,
    Body: message.body,
    MD5OfBody: message.md5OfBody,
    ...(Object.keys(system).length > 0 && { Attributes: system }),
    ...(sum && { MessageAttributes: own, MD5OfMessageAttributes: sum }),
  };
}

function queueAttributes({ model, counts }: Queue): Record<string, string> {
  const { visible, inFlight, delayed } = counts();
  const { redrive } = model;
  return {
    QueueArn: model.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    VisibilityTimeout: String(model.visibilityTimeoutSeconds),
    DelaySeconds: String(model.delaySeconds),
    MessageRetentionPeriod: String(model.retentionSeconds),
    MaximumMessageSize: String(maxMessageBytes),
    ReceiveMessageWaitTimeSeconds: '0',
    ...(redrive && {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: redrive.deadLetterArn,
        maxReceiveCount: redrive.maxReceiveCount,
      }),
    }),
  };
}

const wireTask = (task: MoveTask) => ({
  Status: task.status,
  SourceArn: task.sourceArn,
  ApproximateNumberOfMessagesMoved: task.moved,
  ApproximateNumberOfMessagesToMove: task.messageIds.length,
  StartedTimestamp: Math.floor(task.startedAt),
  ...(task.status === 'RUNNING' && { TaskHandle: task.handle }),
  ...given('DestinationArn', task.destinationArn),
  ...given('MaxNumberOfMessagesPerSecond', task.messagesPerSecond),
  ...given('FailureReason', task.failureReason),
});

export function createOperations(queues: Queue[], tasks: MoveTasks, receive: Receive): Operations {
  function find(matches: (model: QueueModel) => boolean): Queue {
    const queue = queues.find(({ model }) => matches(model));
    if (!queue) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
    return queue;
  }
  /** The queue of a URL, once the caller may do that to it. */
  function allowed(call: AwsCall, action: string, url: string): Queue {
    const queue = find((model) => model.url === url);
    call.authorize(`sqs:${action}`, queue.model.arn);
    return queue;
  }
  const sourcesOf = (arn: string) => queues.filter(({ model }) => model.redrive?.deadLetterArn === arn);

  return {
    SendMessage: on(requests.SendMessage, (call, request) =>
      sendOne(allowed(call, 'SendMessage', request.QueueUrl), call, request),
    ),
    SendMessageBatch: on(requests.SendMessageBatch, (call, { QueueUrl, Entries }) => {
      const queue = allowed(call, 'SendMessage', QueueUrl);
      checkBatch(Entries);
      if (Entries.reduce((sum, entry) => sum + sizeOf(entry.MessageBody, {}), 0) > maxMessageBytes) {
        throw new AwsError(
          'BatchRequestTooLong',
          `Batch requests cannot be longer than ${maxMessageBytes} bytes.`,
        );
      }
      return eachEntry(Entries, async (entry) =>
        sendOne(queue, call, parse(sendEntry, 'SendMessageBatch', entry)),
      );
    }),
    ReceiveMessage: on(requests.ReceiveMessage, async (call, request) => {
      const messages = await receive(allowed(call, 'ReceiveMessage', request.QueueUrl), {
        max: request.MaxNumberOfMessages,
        waitMs: request.WaitTimeSeconds * 1000,
        ...given('visibilitySeconds', request.VisibilityTimeout),
      });
      return messages.length === 0
        ? {}
        : { Messages: messages.map((message) => wireMessage(message, request)) };
    }),
    DeleteMessage: on(requests.DeleteMessage, async (call, request) => {
      await allowed(call, 'DeleteMessage', request.QueueUrl).delete(request.ReceiptHandle);
      return {};
    }),
    DeleteMessageBatch: on(requests.DeleteMessageBatch, (call, { QueueUrl, Entries }) => {
      const queue = allowed(call, 'DeleteMessage', QueueUrl);
      checkBatch(Entries);
      return eachEntry(Entries, async (entry) => {
        await queue.delete(entry.ReceiptHandle);
        return {};
      });
    }),
    ChangeMessageVisibility: on(requests.ChangeMessageVisibility, async (call, request) => {
      const queue = allowed(call, 'ChangeMessageVisibility', request.QueueUrl);
      await queue.setVisibility(request.ReceiptHandle, request.VisibilityTimeout);
      return {};
    }),
    GetQueueAttributes: on(requests.GetQueueAttributes, (call, request) => {
      const queue = allowed(call, 'GetQueueAttributes', request.QueueUrl);
      return { Attributes: pick(queueAttributes(queue), request.AttributeNames) };
    }),
    GetQueueUrl: on(requests.GetQueueUrl, (call, request) => {
      const { model } = find(({ name }) => name === request.QueueName);
      call.authorize('sqs:GetQueueUrl', model.arn);
      return { QueueUrl: model.url };
    }),
    ListQueues: on(requests.ListQueues, (call, request) => {
      call.authorize('sqs:ListQueues', '*');
      const named = queues.filter(({ model }) => model.name.startsWith(request.QueueNamePrefix));
      return { QueueUrls: named.map(({ model }) => model.url) };
    }),
    PurgeQueue: on(requests.PurgeQueue, async (call, request) => {
      const queue = allowed(call, 'PurgeQueue', request.QueueUrl);
      await Promise.all(queue.messages().map(({ id }) => queue.remove(id)));
      return {};
    }),
    ListDeadLetterSourceQueues: on(requests.ListDeadLetterSourceQueues, (call, request) => {
      const { model } = allowed(call, 'ListDeadLetterSourceQueues', request.QueueUrl);
      return { queueUrls: sourcesOf(model.arn).map((source) => source.model.url) };
    }),
    StartMessageMoveTask: on(requests.StartMessageMoveTask, async (call, request) => {
      const { SourceArn, DestinationArn } = request;
      for (const action of [
        'StartMessageMoveTask',
        'ReceiveMessage',
        'DeleteMessage',
        'GetQueueAttributes',
      ]) {
        call.authorize(`sqs:${action}`, SourceArn);
      }
      const destinations = DestinationArn
        ? [find(({ arn }) => arn === DestinationArn)]
        : sourcesOf(SourceArn);
      for (const { model } of destinations) call.authorize('sqs:SendMessage', model.arn);
      if (sourcesOf(SourceArn).length === 0) {
        throw new AwsError(
          'InvalidParameterValue',
          'Source queue must be configured as a Dead Letter Queue.',
        );
      }
      const task = await tasks.start({
        sourceArn: SourceArn,
        ...given('destinationArn', DestinationArn),
        ...given('messagesPerSecond', request.MaxNumberOfMessagesPerSecond),
      });
      return { TaskHandle: task.handle };
    }),
    ListMessageMoveTasks: on(requests.ListMessageMoveTasks, (call, request) => {
      call.authorize('sqs:ListMessageMoveTasks', request.SourceArn);
      return { Results: tasks.list(request.SourceArn).slice(0, request.MaxResults).map(wireTask) };
    }),
    CancelMessageMoveTask: on(requests.CancelMessageMoveTask, async (call, request) => {
      const task = tasks.find(request.TaskHandle);
      call.authorize('sqs:CancelMessageMoveTask', task.sourceArn);
      return { ApproximateNumberOfMessagesMoved: (await tasks.cancel(task)).moved };
    }),
  };
}
