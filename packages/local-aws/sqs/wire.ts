/** Queues, messages and tasks as SQS's answers show them. */
import { type MessageAttributes, maxMessageBytes, md5OfAttributes, type ReceivedMessage } from './message.ts';
import type { MoveTask } from './move-tasks.ts';
import { countsOf, type Queue } from './queue.ts';
import type { Request } from './requests.ts';

/** Whether a name is asked for by `All`, `.*`, a prefix such as `trace.*`, or itself. */
const isAsked = (names: string[], name: string) =>
  names.some((n) => n === 'All' || n === name || (n.endsWith('.*') && name.startsWith(n.slice(0, -2))));

const pick = <V>(values: Record<string, V>, names: string[]): Record<string, V> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => isAsked(names, name)));

export function wireMessage(message: ReceivedMessage, request: Request<'ReceiveMessage'>) {
  const systemNames = [...request.AttributeNames, ...request.MessageSystemAttributeNames];
  const system = pick(message.attributes, systemNames);
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

/** @param names those asked for */
export function wireQueue(queue: Queue, names: string[]): Record<string, string> {
  const { model } = queue;
  const { visible, inFlight, delayed } = countsOf(queue);
  const redrive = model.redrive && {
    deadLetterTargetArn: model.redrive.deadLetterArn,
    maxReceiveCount: model.redrive.maxReceiveCount,
  };
  const attributes = {
    QueueArn: model.arn,
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
    VisibilityTimeout: String(model.visibilityTimeoutSeconds),
    DelaySeconds: String(model.delaySeconds),
    MessageRetentionPeriod: String(model.retentionSeconds),
    MaximumMessageSize: String(maxMessageBytes),
    ReceiveMessageWaitTimeSeconds: '0',
    ...(redrive && { RedrivePolicy: JSON.stringify(redrive) }),
  };
  return pick(attributes, names);
}

/** Members that are undefined are absent from the JSON. */
export const wireTask = (task: MoveTask) => ({
  Status: task.status,
  SourceArn: task.sourceArn,
  DestinationArn: task.destinationArn,
  MaxNumberOfMessagesPerSecond: task.messagesPerSecond,
  ApproximateNumberOfMessagesMoved: task.moved,
  ApproximateNumberOfMessagesToMove: task.messageIds.length,
  StartedTimestamp: Math.floor(task.startedAt),
  TaskHandle: task.status === 'RUNNING' ? task.handle : undefined,
  FailureReason: task.failureReason,
});
