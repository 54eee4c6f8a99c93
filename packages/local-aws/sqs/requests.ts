/** What callers may ask of SQS: the members of each request, and how a wrong one is refused. */
import { z } from 'zod';
import { AwsError, parseInput } from '../gateway/index.ts';
import { messageAttribute } from './message.ts';

const queueUrl = { QueueUrl: z.string() };
const between = (low: number, high: number) =>
  z.int().refine((value) => value >= low && value <= high, { error: `Must be between ${low} and ${high}.` });

const sending = {
  MessageBody: z.string().default(''),
  DelaySeconds: between(0, 900).optional(),
  MessageAttributes: z.record(z.string(), messageAttribute).optional(),
  MessageGroupId: z.string().min(1).max(128).optional(),
};
const batchEntry = { Id: z.string() };
const attributeNames = z.array(z.string()).default([]);
const visibility = between(0, 43_200);

const requests = {
  SendMessage: z.strictObject({ ...queueUrl, ...sending }),
  SendMessageBatch: z.strictObject({
    ...queueUrl,
    // A wrong entry fails alone, so entries are read one by one.
    Entries: z.array(z.looseObject({ ...batchEntry, MessageBody: z.string().default('') })).default([]),
  }),
  ReceiveMessage: z.strictObject({
    ...queueUrl,
    AttributeNames: attributeNames,
    MessageSystemAttributeNames: attributeNames,
    MessageAttributeNames: attributeNames,
    MaxNumberOfMessages: between(1, 10).default(1),
    VisibilityTimeout: visibility.optional(),
    WaitTimeSeconds: between(0, 20).default(0),
  }),
  DeleteMessage: z.strictObject({ ...queueUrl, ReceiptHandle: z.string() }),
  DeleteMessageBatch: z.strictObject({
    ...queueUrl,
    Entries: z.array(z.strictObject({ ...batchEntry, ReceiptHandle: z.string() })).default([]),
  }),
  ChangeMessageVisibility: z.strictObject({
    ...queueUrl,
    ReceiptHandle: z.string(),
    VisibilityTimeout: visibility,
  }),
  GetQueueAttributes: z.strictObject({ ...queueUrl, AttributeNames: attributeNames }),
  GetQueueUrl: z.strictObject({ QueueName: z.string() }),
  ListQueues: z.strictObject({ QueueNamePrefix: z.string().default('') }),
  PurgeQueue: z.strictObject(queueUrl),
  StartMessageMoveTask: z.strictObject({
    SourceArn: z.string(),
    DestinationArn: z.string().optional(),
    MaxNumberOfMessagesPerSecond: between(1, 500).optional(),
  }),
  ListMessageMoveTasks: z.strictObject({ SourceArn: z.string(), MaxResults: between(1, 10).default(1) }),
};

export const sendEntry = z.strictObject({ ...batchEntry, ...sending });

type Operation = keyof typeof requests;
export type Request<O extends Operation> = z.infer<(typeof requests)[O]>;

export const refusal = (member: string, problem: string) =>
  new AwsError('InvalidParameterValue', `Value for parameter ${member} is invalid. Reason: ${problem}`);

/** A request's members. */
export function parse<O extends Operation>(operation: O, input: unknown): Request<O> {
  const schema: z.ZodType<Request<O>> = requests[operation] as never;
  return parseInput(schema, input, 'SQS', operation, refusal);
}

/** Throws unless a batch has 1 to 10 entries with distinct, well-formed ids. */
export function checkBatch(entries: { Id: string }[]): void {
  if (entries.length === 0) {
    throw new AwsError('EmptyBatchRequest', 'There should be at least one entry in the request.');
  }
  if (entries.length > 10) {
    const reason = `Maximum number of entries per request are 10. You have sent ${entries.length}.`;
    throw new AwsError('TooManyEntriesInBatchRequest', reason);
  }
  const ids = entries.map(({ Id }) => Id);
  if (ids.some((id) => !/^[\w-]{1,80}$/.test(id))) {
    const allowed = 'alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.';
    throw new AwsError('InvalidBatchEntryId', `A batch entry id can only contain ${allowed}`);
  }
  if (new Set(ids).size < ids.length) {
    const reason = 'Two or more batch entries in the request have the same Id.';
    throw new AwsError('BatchEntryIdsNotDistinct', reason);
  }
}
