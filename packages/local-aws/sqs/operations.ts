/** SQS's API: each operation authorises its caller on the queue, then acts on it. */
import { type AwsCall, AwsError, type Operations, parseInput } from '../gateway/index.ts';
import type { QueueModel } from '../template/index.ts';
import {
  invalidParameter,
  maxMessageBytes,
  md5,
  md5OfAttributes,
  type ReceivedMessage,
  sizeOf,
} from './message.ts';
import type { MoveTasks } from './move-tasks.ts';
import { messagesOf, type Queue, remove, send } from './queue.ts';
import { deleteMessage, setVisibility } from './receive.ts';
import { checkBatch, parse, type Request, refusal, sendEntry } from './requests.ts';
import { wireMessage, wireQueue, wireTask } from './wire.ts';

type Context = {
  queues: Queue[];
  tasks: MoveTasks;
  receive(
    queue: Queue,
    options: { max: number; waitMs: number; visibilitySeconds?: number | undefined },
  ): Promise<ReceivedMessage[]>;
};

export function createOperations(context: Context): Operations {
  return {
    ...sendOperations(context),
    ...receiveOperations(context),
    ...queueOperations(context),
    ...redriveOperations(context),
  };
}

function findQueue({ queues }: Context, matches: (model: QueueModel) => boolean): Queue {
  const queue = queues.find(({ model }) => matches(model));
  if (!queue) throw new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
  return queue;
}

/** The queue of a URL, once the caller may do that to it. */
function allowedQueue(context: Context, call: AwsCall, url: string, action = call.operation): Queue {
  const queue = findQueue(context, (model) => model.url === url);
  call.authorize(`sqs:${action}`, queue.model.arn);
  return queue;
}

/** Runs a batch's entries, each on its own: what fails is told beside what succeeded. */
async function eachEntry<E extends { Id: string }>(entries: E[], act: (entry: E) => Promise<object>) {
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

async function sendEntryTo(queue: Queue, call: AwsCall, entry: Omit<Request<'SendMessage'>, 'QueueUrl'>) {
  const { DelaySeconds: delaySeconds, MessageGroupId: groupId, MessageAttributes: attributes = {} } = entry;
  const message = await send(queue, entry.MessageBody, {
    attributes,
    senderId: call.caller,
    ...(delaySeconds !== undefined && { delaySeconds }),
    ...(groupId !== undefined && { groupId }),
  });
  return {
    MessageId: message.id,
    MD5OfMessageBody: md5(message.body),
    MD5OfMessageAttributes: md5OfAttributes(attributes),
  };
}

function sendOperations(context: Context): Operations {
  return {
    SendMessage(call, input) {
      const request = parse('SendMessage', input);
      return sendEntryTo(allowedQueue(context, call, request.QueueUrl), call, request);
    },
    SendMessageBatch(call, input) {
      const { QueueUrl, Entries } = parse('SendMessageBatch', input);
      const queue = allowedQueue(context, call, QueueUrl, 'SendMessage');
      checkBatch(Entries);
      if (Entries.reduce((sum, entry) => sum + sizeOf(entry.MessageBody, {}), 0) > maxMessageBytes) {
        const reason = `Batch requests cannot be longer than ${maxMessageBytes} bytes.`;
        throw new AwsError('BatchRequestTooLong', reason);
      }
      const read = (entry: object) => parseInput(sendEntry, entry, 'SQS', 'SendMessageBatch', refusal);
      return eachEntry(Entries, async (entry) => sendEntryTo(queue, call, read(entry)));
    },
  };
}

function receiveOperations(context: Context): Operations {
  return {
    async ReceiveMessage(call, input) {
      const request = parse('ReceiveMessage', input);
      const messages = await context.receive(allowedQueue(context, call, request.QueueUrl), {
        max: request.MaxNumberOfMessages,
        waitMs: request.WaitTimeSeconds * 1000,
        visibilitySeconds: request.VisibilityTimeout,
      });
      if (messages.length === 0) return {};
      return { Messages: messages.map((message) => wireMessage(message, request)) };
    },
    async DeleteMessage(call, input) {
      const { QueueUrl, ReceiptHandle } = parse('DeleteMessage', input);
      await deleteMessage(allowedQueue(context, call, QueueUrl), ReceiptHandle);
      return {};
    },
    DeleteMessageBatch(call, input) {
      const { QueueUrl, Entries } = parse('DeleteMessageBatch', input);
      const queue = allowedQueue(context, call, QueueUrl, 'DeleteMessage');
      checkBatch(Entries);
      return eachEntry(Entries, async ({ ReceiptHandle }) => {
        await deleteMessage(queue, ReceiptHandle);
        return {};
      });
    },
    async ChangeMessageVisibility(call, input) {
      const { QueueUrl, ReceiptHandle, VisibilityTimeout } = parse('ChangeMessageVisibility', input);
      await setVisibility(allowedQueue(context, call, QueueUrl), ReceiptHandle, VisibilityTimeout);
      return {};
    },
  };
}

function queueOperations(context: Context): Operations {
  return {
    GetQueueAttributes(call, input) {
      const { QueueUrl, AttributeNames } = parse('GetQueueAttributes', input);
      return { Attributes: wireQueue(allowedQueue(context, call, QueueUrl), AttributeNames) };
    },
    GetQueueUrl(call, input) {
      const { QueueName } = parse('GetQueueUrl', input);
      const { model } = findQueue(context, ({ name }) => name === QueueName);
      call.authorize('sqs:GetQueueUrl', model.arn);
      return { QueueUrl: model.url };
    },
    ListQueues(call, input) {
      const { QueueNamePrefix } = parse('ListQueues', input);
      call.authorize('sqs:ListQueues', '*');
      const named = context.queues.filter(({ model }) => model.name.startsWith(QueueNamePrefix));
      return { QueueUrls: named.map(({ model }) => model.url) };
    },
    async PurgeQueue(call, input) {
      const queue = allowedQueue(context, call, parse('PurgeQueue', input).QueueUrl);
      await Promise.all(messagesOf(queue).map(({ id }) => remove(queue, id)));
      return {};
    },
  };
}

function redriveOperations(context: Context): Operations {
  const { queues, tasks } = context;
  return {
    async StartMessageMoveTask(call, input) {
      const request = parse('StartMessageMoveTask', input);
      const { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond: messagesPerSecond } = request;
      for (const action of [call.operation, 'ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes']) {
        call.authorize(`sqs:${action}`, SourceArn);
      }
      const sources = queues.filter(({ model }) => model.redrive?.deadLetterArn === SourceArn);
      const destinations = DestinationArn
        ? [findQueue(context, ({ arn }) => arn === DestinationArn)]
        : sources;
      for (const { model } of destinations) call.authorize('sqs:SendMessage', model.arn);
      if (sources.length === 0) {
        throw invalidParameter('Source queue must be configured as a Dead Letter Queue.');
      }
      const { handle } = await tasks.start({
        sourceArn: SourceArn,
        ...(DestinationArn !== undefined && { destinationArn: DestinationArn }),
        ...(messagesPerSecond !== undefined && { messagesPerSecond }),
      });
      return { TaskHandle: handle };
    },
    ListMessageMoveTasks(call, input) {
      const { SourceArn, MaxResults } = parse('ListMessageMoveTasks', input);
      call.authorize('sqs:ListMessageMoveTasks', SourceArn);
      return { Results: tasks.list(SourceArn).slice(0, MaxResults).map(wireTask) };
    },
  };
}
