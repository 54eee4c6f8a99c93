/** One standard queue: its messages, and when by the clock each can be received. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock/index.ts';
import type { Collection } from '../store/index.ts';
import type { QueueModel } from '../template/index.ts';
import { checkContents, type Message, type MessageAttributes } from './message.ts';

export type Queue = {
  readonly model: QueueModel;
  readonly stored: Collection<Message>;
  readonly clock: Clock;
  /** Where messages go that were received too often. */
  deadLetterQueue(): Queue | undefined;
  /** Called after every change. */
  changed(): void;
};

export type SendOptions = {
  /** 0 to 900; the queue's own delay by default. */
  delaySeconds?: number;
  /** Its messages come after those of groups with less in flight: SQS's fair queues. */
  groupId?: string;
  attributes?: MessageAttributes;
  senderId?: string;
};

export type QueueCounts = { visible: number; inFlight: number; delayed: number };

async function change(queue: Queue, write: Promise<void>): Promise<void> {
  queue.changed();
  await write;
}

export const put = (queue: Queue, message: Message) => change(queue, queue.stored.put(message.id, message));

export const remove = (queue: Queue, messageId: string) => change(queue, queue.stored.delete(messageId));

/** Past its retention; such a message is not seen any more, and the next receive removes it. */
export const isExpired = ({ model, clock }: Queue, message: Message) =>
  message.sentAt + model.retentionSeconds * 1000 <= clock.now();

/** Those within their retention, oldest first. */
export const messagesOf = (queue: Queue): Message[] =>
  queue.stored.entries().flatMap(([, message]) => (isExpired(queue, message) ? [] : [message]));

export async function send(queue: Queue, body: string, options: SendOptions = {}): Promise<Message> {
  const { delaySeconds = queue.model.delaySeconds, groupId, attributes = {}, senderId = 'local' } = options;
  checkContents(body, attributes);
  const sentAt = queue.clock.now();
  const message: Message = {
    id: randomUUID(),
    body,
    attributes,
    senderId,
    sentAt,
    visibleAt: sentAt + delaySeconds * 1000,
    receiveCount: 0,
    ...(groupId && { groupId }),
  };
  await put(queue, message);
  return message;
}

export function countsOf(queue: Queue): QueueCounts {
  const now = queue.clock.now();
  const counts = { visible: 0, inFlight: 0, delayed: 0 };
  for (const { visibleAt, receipt } of messagesOf(queue)) {
    counts[visibleAt <= now ? 'visible' : receipt ? 'inFlight' : 'delayed'] += 1;
  }
  return counts;
}

/** When the next hidden message becomes visible, in ms by the clock; Infinity without any. */
export function nextVisibleAt(queue: Queue): number {
  const now = queue.clock.now();
  return Math.min(...messagesOf(queue).flatMap(({ visibleAt }) => (visibleAt > now ? [visibleAt] : [])));
}
