/** SQS on one machine: standard queues that keep their messages over a restart. */
import type { Clock } from '../clock/index.ts';
import { AwsError, type AwsService, jsonService } from '../gateway/index.ts';
import type { Store } from '../store/index.ts';
import type { QueueModel } from '../template/index.ts';
import type { Message, ReceivedMessage } from './message.ts';
import { createMoveTasks, type MoveTask } from './move-tasks.ts';
import { createOperations } from './operations.ts';
import {
  countsOf,
  messagesOf,
  nextVisibleAt,
  type Queue,
  type QueueCounts,
  type SendOptions,
  send,
} from './queue.ts';
import { deleteMessage, setVisibility, take } from './receive.ts';

export type ReceiveOptions = {
  /** 1 to 10. */
  max: number;
  /** How long to wait for a first message, in ms by the clock. */
  waitMs: number;
  /** The queue's own visibility timeout by default. */
  visibilitySeconds?: number | undefined;
  /** Ends the wait, with nothing. */
  signal?: AbortSignal;
};

/** The API, and calls for the local system, which needs no right; queues by their ARN. */
export type Sqs = {
  service: AwsService;
  send(queueArn: string, body: string, options?: SendOptions): Promise<void>;
  receive(queueArn: string, options: ReceiveOptions): Promise<ReceivedMessage[]>;
  delete(queueArn: string, receiptHandle: string): Promise<void>;
  /** Makes a message visible again at once. */
  release(queueArn: string, receiptHandle: string): Promise<void>;
  counts(queueArn: string): QueueCounts;
  /** Resolves when every queue is empty but the dead-letter queues. */
  idle(): Promise<void>;
  /** Calls `listener` after every change to a queue; returns what ends that. */
  onChange(listener: (queue: QueueModel) => void): () => void;
  /** Ends waiting receives and running move tasks, which go on after the next start. */
  close(): void;
};

type Options = { queues: QueueModel[]; store: Store; clock: Clock };

export async function createSqs(options: Options): Promise<Sqs> {
  const { store, clock } = options;
  const closing = new AbortController();
  const { queues, onChange } = await openQueues(options);
  const queueOf = (arn: string): Queue => {
    const queue = queues.get(arn);
    if (!queue) throw new AwsError('QueueDoesNotExist', `The queue ${arn} does not exist.`);
    return queue;
  };
  const receive = receiver(clock, onChange, closing.signal);
  const tasks = createMoveTasks({
    stored: await store.collection<MoveTask>('sqs-move-tasks'),
    clock,
    queueOf: (arn) => queues.get(arn),
    closing: closing.signal,
  });
  return {
    service: jsonService('SQS', createOperations({ queues: [...queues.values()], tasks, receive })),
    send: async (arn, body, sending) => void (await send(queueOf(arn), body, sending)),
    receive: (arn, receiving) => receive(queueOf(arn), receiving),
    delete: (arn, receiptHandle) => deleteMessage(queueOf(arn), receiptHandle),
    release: (arn, receiptHandle) => setVisibility(queueOf(arn), receiptHandle, 0),
    counts: (arn) => countsOf(queueOf(arn)),
    onChange,
    idle: () => untilEmpty([...queues.values()], onChange),
    close: () => closing.abort(),
  };
}

async function openQueues({ queues: models, store, clock }: Options) {
  const listeners = new Set<(queue: QueueModel) => void>();
  const queues = new Map<string, Queue>();
  for (const model of models) {
    queues.set(model.arn, {
      model,
      stored: await store.collection<Message>(`sqs/${model.name}`),
      clock,
      deadLetterQueue: () => queues.get(model.redrive?.deadLetterArn ?? ''),
      changed: () => listeners.forEach((listener) => void listener(model)),
    });
  }
  const onChange: Sqs['onChange'] = (listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return { queues, onChange };
}

/** @returns receives, waiting for a first message until the deadline or until a signal aborts */
function receiver(clock: Clock, onChange: Sqs['onChange'], closing: AbortSignal) {
  /** Until a message is visible, the queue changes, the deadline passes or a signal aborts. */
  async function waitForNews(queue: Queue, deadline: number, signals: AbortSignal[]) {
    if (countsOf(queue).visible > 0) return;
    const wake = new AbortController();
    const stop = onChange((model) => model === queue.model && wake.abort());
    const until = Math.min(deadline, nextVisibleAt(queue));
    await clock.sleep(until - clock.now(), AbortSignal.any([wake.signal, ...signals]));
    stop();
  }
  return async (queue: Queue, { max, waitMs, visibilitySeconds, signal }: ReceiveOptions) => {
    const deadline = clock.now() + waitMs;
    const signals = signal ? [signal, closing] : [closing];
    for (;;) {
      const ended = signals.some(({ aborted }) => aborted);
      const messages = ended ? [] : await take(queue, max, visibilitySeconds);
      if (messages.length > 0 || ended || clock.now() >= deadline) return messages;
      await waitForNews(queue, deadline, signals);
    }
  };
}

function untilEmpty(queues: Queue[], onChange: Sqs['onChange']): Promise<void> {
  const deadLetterQueues = new Set(queues.map((queue) => queue.deadLetterQueue()));
  const isEmpty = () =>
    queues.every((queue) => deadLetterQueues.has(queue) || messagesOf(queue).length === 0);
  return new Promise((resolve) => {
    if (isEmpty()) return resolve();
    const stop = onChange(() => {
      if (!isEmpty()) return;
      stop();
      resolve();
    });
  });
}
