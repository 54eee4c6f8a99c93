/** Takes messages from a queue to its function, as Lambda's pollers do. */
import { z } from 'zod';
import type { Clock } from '../clock/index.ts';
import type { Iam } from '../gateway/index.ts';
import type { ReceivedMessage, Sqs } from '../sqs/index.ts';
import type { EventSourceModel } from '../template/index.ts';
import type { LambdaResult } from './process.ts';

export type EventSource = {
  /** Takes no more messages; resolves when those under way are done. */
  stop(): Promise<void>;
};

type Options = {
  model: EventSourceModel;
  source: Pick<Sqs, 'receive' | 'delete' | 'release'>;
  invoke: (functionId: string, event: unknown) => Promise<LambdaResult>;
  /** Lambda refuses a mapping whose function may not read the queue, and so does this. */
  iam: Pick<Iam, 'isAllowed'>;
  clock: Clock;
  region: string;
  log: (line: string) => void;
  /** Batches under way at once where the template does not say. */
  concurrency?: number;
};

const waitMs = 20_000;
const afterFailureMs = 5_000;
const needed = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];

/** Starts at once. A failed batch's messages come again after the visibility timeout. */
export function createEventSource(options: Options): EventSource {
  const { model, source, iam, clock, log, concurrency = 4 } = options;
  const missing = needed.find((action) => !iam.isAllowed(model.functionId, action, model.queueArn));
  if (missing) throw new Error(`${model.functionId} lacks ${missing} on ${model.queueArn}.`);

  const stopping = new AbortController();
  const { signal } = stopping;
  const limit = model.maxConcurrency ?? concurrency;
  const underWay = new Set<Promise<void>>();

  function start(messages: ReceivedMessage[]) {
    const batch = deliver(messages, options)
      .catch((error: unknown) => log(`${model.functionId} could not be given a batch: ${error}`))
      .finally(() => underWay.delete(batch));
    underWay.add(batch);
  }
  async function poll() {
    while (!signal.aborted) {
      if (underWay.size >= limit) {
        await Promise.race(underWay);
        continue;
      }
      try {
        const messages = await source.receive(model.queueArn, { max: model.batchSize, waitMs, signal });
        if (signal.aborted) await release(messages, options);
        else if (messages.length > 0) start(messages);
      } catch (error) {
        log(`${model.functionId} could not receive from ${model.queueArn}: ${error}`);
        await clock.sleep(afterFailureMs, signal);
      }
    }
  }
  const polling = poll();
  return {
    async stop() {
      stopping.abort();
      await polling;
      await Promise.all(underWay);
    },
  };
}

async function release(messages: ReceivedMessage[], { source, model }: Options) {
  await Promise.all(messages.map(({ receiptHandle }) => source.release(model.queueArn, receiptHandle)));
}

async function deliver(messages: ReceivedMessage[], { model, source, invoke, region, log }: Options) {
  const result = await invoke(model.functionId, { Records: messages.map((m) => recordOf(m, model, region)) });
  const done = 'payload' in result ? succeeded(messages, result.payload, model) : [];
  if (done.length < messages.length) {
    const why = 'payload' in result ? 'reported' : result.functionError.errorMessage;
    log(`${model.functionId} failed ${messages.length - done.length} of ${messages.length}: ${why}`);
  }
  await Promise.all(done.map(({ receiptHandle }) => source.delete(model.queueArn, receiptHandle)));
}

function recordOf(message: ReceivedMessage, { queueArn }: EventSourceModel, awsRegion: string) {
  const { messageId, receiptHandle, body, attributes, md5OfBody } = message;
  const messageAttributes = Object.entries(message.messageAttributes).map(([name, attribute]) => {
    const { DataType: dataType, StringValue: stringValue, BinaryValue: binaryValue } = attribute;
    // Members that are undefined are absent from the JSON.
    return [name, { stringValue, binaryValue, stringListValues: [], binaryListValues: [], dataType }];
  });
  return {
    messageId,
    receiptHandle,
    body,
    attributes,
    messageAttributes: Object.fromEntries(messageAttributes),
    md5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion,
  };
}

/** No report at all is a full success; one that cannot be understood is a full failure. */
const batchResponse = z
  .object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })).nullish() })
  .nullable();

function succeeded(
  messages: ReceivedMessage[],
  payload: unknown,
  model: EventSourceModel,
): ReceivedMessage[] {
  if (!model.reportBatchItemFailures) return messages;
  const response = batchResponse.safeParse(payload);
  if (!response.success) return [];
  const failed = new Set((response.data?.batchItemFailures ?? []).map((item) => item.itemIdentifier));
  const known = new Set(messages.map(({ messageId }) => messageId));
  if ([...failed].some((id) => !known.has(id))) return [];
  return messages.filter(({ messageId }) => !failed.has(messageId));
}
