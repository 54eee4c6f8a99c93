/** SQS on one machine: standard queues that keep their messages over a restart. */
import type { Clock } from '../clock.ts';
import { AwsError, type AwsService, jsonAnswer, notImplemented, readJson } from '../gateway/service.ts';
import type { Store } from '../store.ts';
import type { QueueModel } from '../template/model.ts';
import type { Message, ReceivedMessage } from './message.ts';
import { createMoveTasks, type MoveTask } from './move-tasks.ts';
import { createOperations } from './operations.ts';
import { createQueue, type Queue, type QueueCounts, type SendOptions } from './queue.ts';

export type { ReceivedMessage } from './message.ts';
export type { QueueCounts, SendOptions } from './queue.ts';

export type ReceiveOptions = {
  /** 1 to 10. */
  max: number;
  /** How long to wait for a first message, in ms by the clock. */
  waitMs: number;
  /** The queue's own visibility timeout by default. */
  visibilitySeconds?: number;
  /** Ends the wait, with nothing. */
  signal?: AbortSignal;
};

/** The calls for API clients, and the same for the local system itself, which needs no permission. Queues go by their ARN. */
export type Sqs = {
  service: AwsService;
  send(queueArn: string, body: string, options?: SendOptions): Promise<void>;
  receive(queueArn: string, options: ReceiveOptions): Promise<ReceivedMessage[]>;
  delete(queueArn: string, receiptHandle: string): Promise<void>;
  /** Gives a message back at once: it is visible again. */
  release(queueArn: string, receiptHandle: string): Promise<void>;
  counts(queueArn: string): QueueCounts;
  /** Resolves when nothing is visible, in flight or delayed in any queue but the dead-letter queues. */
  idle(): Promise<void>;
  /** Calls `listener` after every change to a queue; returns what ends that. */
  onChange(listener: (queue: QueueModel) => void): () => void;
  /** Ends waiting receives and running move tasks, which go on after the next start. */
  close(): void;
};

export async function createSqs({
  queues: models,
  store,
  clock,
}: {
  queues: QueueModel[];
  store: Store;
  clock: Clock;
}): Promise<Sqs> {
  const listeners = new Set<(queue: QueueModel) => void>();
  const closing = new AbortController();
  const queues = new Map<string, Queue>();
  for (const model of models) {
    const queue = createQueue({
      model,
      stored: await store.collection<Message>(`sqs/${model.name}`),
      clock,
      deadLetter: (arn) => queues.get(arn),
      changed: (changed) => listeners.forEach((listener) => void listener(changed)),
    });
    queues.set(model.arn, queue);
  }

  function queueOf(arn: string): Queue {
    const queue = queues.get(arn);
    if (!queue) throw new AwsError('QueueDoesNotExist', `The queue ${arn} does not exist.`);
    return queue;
  }

  function onChange(listener: (queue: QueueModel) => void) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Resolves once a message is visible, at the queue's next change, at the deadline, or when a signal aborts. */
  async function news(queue: Queue, deadline: number, signals: AbortSignal[]) {
    if (queue.counts().visible > 0) return;
    const wake = new AbortController();
    const stop = onChange((model) => model === queue.model && wake.abort());
    const until = Math.min(deadline, queue.nextVisibleAt() ?? deadline);
    await clock.sleep(until - clock.now(), AbortSignal.any([wake.signal, ...signals]));
    stop();
  }

  async function receive(queue: Queue, { max, waitMs, visibilitySeconds, signal }: ReceiveOptions) {
    const deadline = clock.now() + waitMs;
    const signals = signal ? [signal, closing.signal] : [closing.signal];
    for (;;) {
      const ended = signals.some(({ aborted }) => aborted);
      const messages = ended ? [] : await queue.take(max, visibilitySeconds);
      if (messages.length > 0 || ended || clock.now() >= deadline) return messages;
      await news(queue, deadline, signals);
    }
  }

  const tasks = createMoveTasks({
    stored: await store.collection<MoveTask>('sqs-move-tasks'),
    clock,
    queue: (arn) => queues.get(arn),
    closing: closing.signal,
  });
  const operations = createOperations([...queues.values()], tasks, receive);

  const graves = new Set(models.flatMap(({ redrive }) => redrive?.deadLetterArn ?? []));
  const working = [...queues.values()].filter(({ model }) => !graves.has(model.arn));
  const isIdle = () => working.every((queue) => queue.messages().length === 0);

  return {
    async service(call) {
      const operation = operations[call.operation];
      if (!operation) throw notImplemented('SQS', call.operation);
      return jsonAnswer(await operation(call, await readJson(call)));
    },
    send: async (arn, body, options) => void (await queueOf(arn).send(body, options)),
    receive: (arn, options) => receive(queueOf(arn), options),
    delete: (arn, receiptHandle) => queueOf(arn).delete(receiptHandle),
    release: (arn, receiptHandle) => queueOf(arn).setVisibility(receiptHandle, 0),
    counts: (arn) => queueOf(arn).counts(),
    onChange,
    idle: () =>
      new Promise((resolve) => {
        if (isIdle()) return resolve();
        const stop = onChange(() => {
          if (!isIdle()) return;
          stop();
          resolve();
        });
      }),
    close: () => closing.abort(),
  };
}
