/** Queue steps: one call of the step per message, the failed ones handed back; and sending on. */
import { ChangeMessageVisibilityCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { z } from 'zod';
import { StepError } from './errors.ts';
import { begin, type Remaining } from './invocation.ts';
import { log } from './logging.ts';

const client = new SQSClient({});

type QueueHandler = (event: SQSEvent, context?: Remaining) => Promise<SQSBatchResponse>;

async function deliver<T>(
  record: SQSRecord,
  schema: z.ZodType<T>,
  step: (message: T) => Promise<void>,
): Promise<boolean> {
  try {
    const body: unknown = JSON.parse(record.body);
    if (!(await putOff(record, body))) await step(schema.parse(body));
    return true;
  } catch (error) {
    const code = error instanceof StepError ? error.code : 'unexpected';
    const { name } = error instanceof Error ? error : { name: typeof error };
    log.error('message failed', { messageId: record.messageId, code, error: name, reason: reasonOf(error) });
    if (error instanceof StepError && error.kind === 'retry') await comeSooner(record, error);
    return false;
  }
}

/**
 * Sends a message that comes early back to its queue, before any statement: so a wait of hours uses
 * up no receive, and the database may sleep through it. Any message may say `notBefore`. It is read
 * by hand, since a step that only sends would carry zod for it: a quarter of a webhook's bundle.
 */
async function putOff({ attributes }: SQSRecord, message: unknown): Promise<boolean> {
  const { QUEUE_URL } = process.env;
  // Without its queue it goes on: the statements refuse what is early, too.
  if (!QUEUE_URL || typeof message !== 'object' || !message || !('notBefore' in message)) return false;
  const notBefore = new Date(String(message.notBefore));
  if (!(notBefore.getTime() > Date.now())) return false;
  await sendLater(QUEUE_URL, message, notBefore, attributes.MessageGroupId);
  return true;
}

/** Then 1, 3, 9 and 30 minutes: a wake-up costs seconds, and ten deliveries last for hours. */
const firstWaitSeconds = 20;

/** Lets the message come again when it may work, and not after the queue's visibility timeout. */
async function comeSooner(record: SQSRecord, { retryAfterSeconds = 0 }: StepError): Promise<void> {
  const { QUEUE_URL } = process.env;
  if (!QUEUE_URL) return;
  const backoff = firstWaitSeconds * 3 ** (Number(record.attributes.ApproximateReceiveCount) - 1);
  // With jitter, or what was refused together would come again together.
  const wait = Math.min(1800, Math.max(backoff, retryAfterSeconds)) * (0.75 + Math.random() / 2);
  const VisibilityTimeout = Math.round(wait);
  const message = { QueueUrl: QUEUE_URL, ReceiptHandle: record.receiptHandle, VisibilityTimeout };
  await client.send(new ChangeMessageVisibilityCommand(message)).catch(({ name }: Error) => {
    log.warn('visibility not changed', { messageId: record.messageId, error: name });
  });
}

/** Without what may quote a customer: a parser's words, and a provider's refusal. */
function reasonOf(error: unknown): string | undefined {
  const isForeign =
    error instanceof SyntaxError || (error instanceof StepError && error.kind === 'permanent');
  return error instanceof Error && !isForeign ? error.message.slice(0, 500) : undefined;
}

/**
 * The Lambda handler of a queue step. A message whose step throws, or of another shape, is
 * delivered again and ends in the dead-letter queue; the others of its batch are done.
 */
export function queueHandler<T>(schema: z.ZodType<T>, step: (message: T) => Promise<void>): QueueHandler {
  return async (event, context) => {
    begin(context);
    const done = await Promise.all(event.Records.map((record) => deliver(record, schema, step)));
    const failed = event.Records.filter((_, index) => !done[index]);
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/** SendMessageBatch takes ten. */
const largestBatch = 10;

export type SendOptions = {
  /** The order of a message: SQS serves orders fairly, so that 100 photos starve no other. */
  groupId?: string;
  /** 0 to 900. */
  delaySeconds?: number;
};

/**
 * Sends messages of ids; resolves when SQS holds all of them.
 * @throws Error when SQS refused any: the step comes again and sends all again, which is safe
 */
export async function send(
  queueUrl: string,
  messages: object[],
  { groupId, delaySeconds }: SendOptions = {},
): Promise<void> {
  for (let start = 0; start < messages.length; start += largestBatch) {
    const batch = messages.slice(start, start + largestBatch);
    const { Failed = [] } = await client.send(
      new SendMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: batch.map((message, index) => ({
          Id: String(index),
          MessageBody: JSON.stringify(message),
          ...(groupId === undefined ? {} : { MessageGroupId: groupId }),
          ...(delaySeconds === undefined ? {} : { DelaySeconds: delaySeconds }),
        })),
      }),
    );
    if (Failed.length > 0)
      throw new Error(`SQS refused ${Failed.length} of ${batch.length} messages: ${Failed[0]?.Code}.`);
  }
}

/** SQS delays a message by 15 minutes at most. */
const longestDelaySeconds = 900;

/** Sends a message that is not to be worked on before then, however far ahead that is. */
export async function sendLater(
  queueUrl: string,
  message: object,
  notBefore: Date,
  groupId?: string,
): Promise<void> {
  const rest = Math.ceil((notBefore.getTime() - Date.now()) / 1000);
  await send(queueUrl, [{ ...message, notBefore: notBefore.toISOString() }], {
    ...(groupId === undefined ? {} : { groupId }),
    delaySeconds: Math.max(0, Math.min(longestDelaySeconds, rest)),
  });
}
