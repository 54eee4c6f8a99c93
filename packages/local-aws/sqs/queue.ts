/** One standard queue: its messages, who sees them when by the clock, and how they leave. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { AwsError } from '../gateway/service.ts';
import type { Collection } from '../store.ts';
import type { QueueModel } from '../template/model.ts';
import {
  checkContents,
  type Message,
  type MessageAttributes,
  type ReceivedMessage,
  received,
} from './message.ts';

export type SendOptions = {
  /** 0 to 900; the queue's own delay by default. */
  delaySeconds?: number;
  /** Puts the queue's share for this group (an order, say) after groups with less in flight. */
  groupId?: string;
  attributes?: MessageAttributes;
  senderId?: string;
};

export type QueueCounts = { visible: number; inFlight: number; delayed: number };

export type Queue = {
  readonly model: QueueModel;
  send(body: string, options?: SendOptions): Promise<Message>;
  /** Takes up to `max` visible messages, hides them, and moves those received too often to the dead-letter queue. */
  take(max: number, visibilitySeconds?: number): Promise<ReceivedMessage[]>;
  /** Deletes for good; a handle that a later receive made stale deletes nothing. */
  delete(receiptHandle: string): Promise<void>;
  /** Hides a message in flight for that long from now; 0 gives it back at once. */
  setVisibility(receiptHandle: string, seconds: number): Promise<void>;
  /** Stores a message that comes from another queue. */
  accept(message: Message): Promise<void>;
  remove(messageId: string): Promise<void>;
  find(messageId: string): Message | undefined;
  /** Those within their retention, oldest first. */
  messages(): Message[];
  counts(): QueueCounts;
  /** ms by the clock at which the next hidden message becomes visible. */
  nextVisibleAt(): number | undefined;
};

/**
 * @param deadLetter the queue of an ARN, for the redrive policy
 * @param changed called after every change
 */
export function createQueue({
  model,
  stored,
  clock,
  deadLetter,
  changed,
}: {
  model: QueueModel;
  stored: Collection<Message>;
  clock: Clock;
  deadLetter(arn: string): Queue | undefined;
  changed(queue: QueueModel): void;
}): Queue {
  const change = async (write: Promise<void>) => {
    changed(model);
    await write;
  };
  const put = (message: Message) => change(stored.put(message.id, message));
  const remove = (id: string) => change(stored.delete(id));
  const expired = (message: Message) => message.sentAt + model.retentionSeconds * 1000 <= clock.now();
  const messages = () => stored.entries().flatMap(([, message]) => (expired(message) ? [] : [message]));

  const handleOf = (id: string, receipt: string) =>
    Buffer.from(`${model.name}/${id}/${receipt}`).toString('base64url');

  /** The message of a handle, if that handle is from its latest receive. */
  function held(receiptHandle: string): Message | undefined {
    const [name, id, receipt] = Buffer.from(receiptHandle, 'base64url').toString().split('/');
    if (name !== model.name || !id || !receipt) {
      throw new AwsError(
        'ReceiptHandleIsInvalid',
        `The input receipt handle "${receiptHandle}" is not a valid receipt handle.`,
        404,
      );
    }
    const message = stored.get(id);
    return message?.receipt === receipt ? message : undefined;
  }

  /** Visible messages, those of groups with least in flight first, then by age: SQS's fair queues. */
  function candidates(): Message[] {
    const now = clock.now();
    const all = messages();
    const inFlight = new Map<string, number>();
    for (const { groupId, receipt, visibleAt } of all) {
      if (groupId && receipt && visibleAt > now) inFlight.set(groupId, (inFlight.get(groupId) ?? 0) + 1);
    }
    const load = ({ groupId }: Message) => (groupId ? (inFlight.get(groupId) ?? 0) : 0);
    return all.filter((m) => m.visibleAt <= now).sort((a, b) => load(a) - load(b) || a.sentAt - b.sentAt);
  }

  async function bury(message: Message, to: Queue) {
    const { receipt: _, ...rest } = message;
    await to.accept({ ...rest, visibleAt: clock.now(), deadLetterSource: model.arn });
    await remove(message.id);
  }

  async function hide(message: Message, visibilitySeconds: number): Promise<ReceivedMessage> {
    const now = clock.now();
    const receipt = randomUUID();
    const hidden = {
      ...message,
      receipt,
      receiveCount: message.receiveCount + 1,
      firstReceivedAt: message.firstReceivedAt ?? now,
      visibleAt: now + visibilitySeconds * 1000,
    };
    await put(hidden);
    return received(hidden, handleOf(message.id, receipt));
  }

  return {
    model,
    find: (id) => stored.get(id),
    messages,
    accept: put,
    remove,
    async send(
      body,
      { delaySeconds = model.delaySeconds, groupId, attributes = {}, senderId = 'local' } = {},
    ) {
      checkContents(body, attributes);
      const sentAt = clock.now();
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
      await put(message);
      return message;
    },
    async take(max, visibilitySeconds = model.visibilityTimeoutSeconds) {
      const { redrive } = model;
      const grave = redrive && deadLetter(redrive.deadLetterArn);
      const spent = (m: Message) => redrive !== undefined && m.receiveCount >= redrive.maxReceiveCount;
      const visible = candidates();
      // Everything is hidden in memory before the first await, so that two receivers at once never get the same message.
      const taken = visible
        .filter((m) => !grave || !spent(m))
        .slice(0, max)
        .map((m) => hide(m, visibilitySeconds));
      const gone = stored.entries().filter(([, m]) => expired(m));
      await Promise.all([
        ...(grave ? visible.filter(spent).map((m) => bury(m, grave)) : []),
        ...gone.map(([id]) => remove(id)),
      ]);
      return Promise.all(taken);
    },
    async delete(receiptHandle) {
      const message = held(receiptHandle);
      if (message) await remove(message.id);
    },
    async setVisibility(receiptHandle, seconds) {
      const message = held(receiptHandle);
      const now = clock.now();
      if (!message || message.visibleAt <= now) {
        throw new AwsError('MessageNotInflight', 'The message referred to is not in flight.');
      }
      await put({ ...message, visibleAt: now + seconds * 1000 });
    },
    counts() {
      const now = clock.now();
      const counts = { visible: 0, inFlight: 0, delayed: 0 };
      for (const { visibleAt, receipt } of messages()) {
        counts[visibleAt <= now ? 'visible' : receipt ? 'inFlight' : 'delayed'] += 1;
      }
      return counts;
    },
    nextVisibleAt() {
      const now = clock.now();
      const hidden = messages().flatMap(({ visibleAt }) => (visibleAt > now ? [visibleAt] : []));
      return hidden.length > 0 ? Math.min(...hidden) : undefined;
    },
  };
}
