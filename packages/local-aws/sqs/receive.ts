/** Receiving: a message is hidden, and its receipt handle alone deletes it or shows it again. */
import { randomUUID } from 'node:crypto';
import { AwsError } from '../gateway/index.ts';
import { type Message, type ReceivedMessage, received } from './message.ts';
import { isExpired, messagesOf, put, type Queue, remove } from './queue.ts';

/** The message of a handle, if no later receive has made that handle stale. */
function held({ model, stored }: Queue, receiptHandle: string): Message | undefined {
  const [name, id, receipt] = Buffer.from(receiptHandle, 'base64url').toString().split('/');
  if (name !== model.name || !id || !receipt) {
    const reason = `The input receipt handle "${receiptHandle}" is not a valid receipt handle.`;
    throw new AwsError('ReceiptHandleIsInvalid', reason, 404);
  }
  const message = stored.get(id);
  return message?.receipt === receipt ? message : undefined;
}

/** Visible messages: those of groups with least in flight first, then by age. */
function candidates(queue: Queue): Message[] {
  const now = queue.clock.now();
  const all = messagesOf(queue);
  const inFlight = new Map<string, number>();
  for (const { groupId, receipt, visibleAt } of all) {
    if (groupId && receipt && visibleAt > now) inFlight.set(groupId, (inFlight.get(groupId) ?? 0) + 1);
  }
  const load = ({ groupId }: Message) => (groupId ? (inFlight.get(groupId) ?? 0) : 0);
  return all.filter((m) => m.visibleAt <= now).sort((a, b) => load(a) - load(b) || a.sentAt - b.sentAt);
}

async function giveUp(queue: Queue, message: Message, deadLetterQueue: Queue): Promise<void> {
  const { receipt: _, ...rest } = message;
  const visibleAt = queue.clock.now();
  await put(deadLetterQueue, { ...rest, visibleAt, deadLetterSource: queue.model.arn });
  await remove(queue, message.id);
}

async function hide(queue: Queue, message: Message, visibilitySeconds: number): Promise<ReceivedMessage> {
  const now = queue.clock.now();
  const receipt = randomUUID();
  const hidden = {
    ...message,
    receipt,
    receiveCount: message.receiveCount + 1,
    firstReceivedAt: message.firstReceivedAt ?? now,
    visibleAt: now + visibilitySeconds * 1000,
  };
  await put(queue, hidden);
  const handle = Buffer.from(`${queue.model.name}/${message.id}/${receipt}`).toString('base64url');
  return received(hidden, handle);
}

/** Hides up to `max` visible messages; those received too often go to the dead-letter queue. */
export async function take(
  queue: Queue,
  max: number,
  visibilitySeconds = queue.model.visibilityTimeoutSeconds,
): Promise<ReceivedMessage[]> {
  const { model, stored } = queue;
  const deadLetterQueue = queue.deadLetterQueue();
  const mostReceives = model.redrive?.maxReceiveCount ?? Number.POSITIVE_INFINITY;
  const isSpent = (m: Message) => deadLetterQueue !== undefined && m.receiveCount >= mostReceives;
  const visible = candidates(queue);
  // All are hidden in memory before the first await: two receivers never get the same message.
  const taken = visible
    .filter((m) => !isSpent(m))
    .slice(0, max)
    .map((m) => hide(queue, m, visibilitySeconds));
  const expired = stored.entries().filter(([, m]) => isExpired(queue, m));
  await Promise.all([
    ...(deadLetterQueue ? visible.filter(isSpent).map((m) => giveUp(queue, m, deadLetterQueue)) : []),
    ...expired.map(([id]) => remove(queue, id)),
  ]);
  return Promise.all(taken);
}

/** Deletes for good; a stale handle deletes nothing. */
export async function deleteMessage(queue: Queue, receiptHandle: string): Promise<void> {
  const message = held(queue, receiptHandle);
  if (message) await remove(queue, message.id);
}

/** Hides a message in flight for that long from now; 0 gives it back at once. */
export async function setVisibility(queue: Queue, receiptHandle: string, seconds: number): Promise<void> {
  const message = held(queue, receiptHandle);
  const now = queue.clock.now();
  if (!message || message.visibleAt <= now) {
    throw new AwsError('MessageNotInflight', 'The message referred to is not in flight.');
  }
  await put(queue, { ...message, visibleAt: now + seconds * 1000 });
}
