/** What callers may ask of SQS: the members of each request, and the errors for those out of range. */
import { z } from 'zod';
import { AwsError, notImplemented } from '../gateway/service.ts';
import { messageAttribute } from './message.ts';

const queueUrl = { QueueUrl: z.string() };
/** A range that SQS refuses in words of its own; zod's message carries them. */
const between = (low: number, high: number) =>
  z
    .number()
    .int()
    .refine((value) => value >= low && value <= high, { error: `Must be between ${low} and ${high}.` });

const sending = {
  MessageBody: z.string().default(''),
  DelaySeconds: between(0, 900).optional(),
  MessageAttributes: z.record(z.string(), messageAttribute).optional(),
  MessageGroupId: z.string().min(1).max(128).optional(),
};
const releasing = { ReceiptHandle: z.string(), VisibilityTimeout: between(0, 43_200) };
const batchEntry = { Id: z.string() };
const attributeNames = z.array(z.string()).default([]);

export const requests = {
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
    VisibilityTimeout: between(0, 43_200).optional(),
    WaitTimeSeconds: between(0, 20).default(0),
  }),
  DeleteMessage: z.strictObject({ ...queueUrl, ReceiptHandle: z.string() }),
  DeleteMessageBatch: z.strictObject({
    ...queueUrl,
    Entries: z.array(z.strictObject({ ...batchEntry, ReceiptHandle: z.string() })).default([]),
  }),
  ChangeMessageVisibility: z.strictObject({ ...queueUrl, ...releasing }),
  GetQueueAttributes: z.strictObject({ ...queueUrl, AttributeNames: attributeNames }),
  GetQueueUrl: z.strictObject({ QueueName: z.string() }),
  ListQueues: z.strictObject({ QueueNamePrefix: z.string().default('') }),
  PurgeQueue: z.strictObject(queueUrl),
  ListDeadLetterSourceQueues: z.strictObject(queueUrl),
  StartMessageMoveTask: z.strictObject({
    SourceArn: z.string(),
    DestinationArn: z.string().optional(),
    MaxNumberOfMessagesPerSecond: between(1, 500).optional(),
  }),
  ListMessageMoveTasks: z.strictObject({ SourceArn: z.string(), MaxResults: between(1, 10).default(1) }),
  CancelMessageMoveTask: z.strictObject({ TaskHandle: z.string() }),
} as const;

export const sendEntry = z.strictObject({ ...batchEntry, ...sending });

export type Operation = keyof typeof requests;
export type Request<O extends Operation> = z.infer<(typeof requests)[O]>;

/** Parses a request's members, or throws as SQS would: for an unknown one 501 with its name. */
export function parse<T>(schema: z.ZodType<T>, operation: string, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw notImplemented('SQS', `${operation} with ${issue.keys.join(', ')}`);
  const name = issue?.path.join('.') || 'request';
  throw new AwsError(
    'InvalidParameterValue',
    `Value for parameter ${name} is invalid. Reason: ${issue?.message}`,
  );
}

/** Throws unless a batch has 1 to 10 entries with distinct, well-formed ids. */
export function checkBatch(entries: { Id: string }[]): void {
  if (entries.length === 0) {
    throw new AwsError('EmptyBatchRequest', 'There should be at least one entry in the request.');
  }
  if (entries.length > 10) {
    throw new AwsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    );
  }
  const ids = entries.map(({ Id }) => Id);
  if (ids.some((id) => !/^[\w-]{1,80}$/.test(id))) {
    throw new AwsError(
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    );
  }
  if (new Set(ids).size < ids.length) {
    throw new AwsError(
      'BatchEntryIdsNotDistinct',
      'Two or more batch entries in the request have the same Id.',
    );
  }
}
