/** A message: what is stored of it, how its receiver sees it, and SQS's sums and sizes. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AwsError } from '../gateway/index.ts';

export const messageAttribute = z.object({
  DataType: z.string().regex(/^(String|Number|Binary)(\..+)?$/),
  StringValue: z.string().min(1).optional(),
  /** Base64, as on the wire. */
  BinaryValue: z.string().min(1).optional(),
});

export type MessageAttribute = z.infer<typeof messageAttribute>;
export type MessageAttributes = Record<string, MessageAttribute>;

/** A message as it is stored. Times are ms by the clock. */
export type Message = {
  id: string;
  body: string;
  attributes: MessageAttributes;
  groupId?: string;
  senderId: string;
  /** Kept when the redrive policy moves it, so that retention counts from here. */
  sentAt: number;
  /** From when on it can be received: later than now for a delayed one and one in flight. */
  visibleAt: number;
  receiveCount: number;
  firstReceivedAt?: number;
  /** Names the latest receive; only that one may delete it. */
  receipt?: string;
  /** ARN of the queue whose redrive policy moved it here. */
  deadLetterSource?: string;
};

/** A message in the hands of a consumer. `attributes` are SQS's own, under SQS's names. */
export type ReceivedMessage = {
  messageId: string;
  receiptHandle: string;
  body: string;
  md5OfBody: string;
  attributes: Record<string, string>;
  messageAttributes: MessageAttributes;
};

export const maxMessageBytes = 1024 * 1024;

export const md5 = (data: string | Buffer) => createHash('md5').update(data).digest('hex');

const isBinary = (attribute: MessageAttribute) => attribute.DataType.startsWith('Binary');

const bytesOf = (attribute: MessageAttribute) =>
  isBinary(attribute)
    ? Buffer.from(attribute.BinaryValue ?? '', 'base64')
    : Buffer.from(attribute.StringValue ?? '');

const withLength = (bytes: Buffer) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return [length, bytes];
};

/** The sum that clients compare: by name, each part behind its length; undefined without any. */
export function md5OfAttributes(attributes: MessageAttributes): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const parts = names.flatMap((name) => {
    const attribute = attributes[name] ?? { DataType: 'String' };
    return [
      ...withLength(Buffer.from(name)),
      ...withLength(Buffer.from(attribute.DataType)),
      Buffer.of(isBinary(attribute) ? 2 : 1),
      ...withLength(bytesOf(attribute)),
    ];
  });
  return md5(Buffer.concat(parts));
}

/** Bytes that count towards the limit: the body, and each attribute's name, type and value. */
export function sizeOf(body: string, attributes: MessageAttributes): number {
  return Object.entries(attributes).reduce(
    (sum, [name, attribute]) =>
      sum + Buffer.byteLength(name) + Buffer.byteLength(attribute.DataType) + bytesOf(attribute).length,
    Buffer.byteLength(body),
  );
}

/** Control characters and lone surrogates: what XML 1.0 cannot carry, SQS refuses. */
const forbiddenCharacter = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

export const invalidParameter = (reason: string) => new AwsError('InvalidParameterValue', reason);

/** Throws SQS's error for a body or attributes that it would not take. */
export function checkContents(body: string, attributes: MessageAttributes): void {
  if (body === '')
    throw new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  if (forbiddenCharacter.test(body)) {
    const valid = '#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF';
    const reason = `Invalid characters found. Valid unicode characters are ${valid}.`;
    throw new AwsError('InvalidMessageContents', reason);
  }
  if (sizeOf(body, attributes) > maxMessageBytes) {
    const reason = `Message must be shorter than ${maxMessageBytes} bytes.`;
    throw invalidParameter(`One or more parameters are invalid. Reason: ${reason}`);
  }
  if (Object.keys(attributes).length > 10)
    throw invalidParameter('Number of message attributes exceeds the allowed maximum [10].');
  const empty = Object.entries(attributes).find(([, attribute]) => bytesOf(attribute).length === 0);
  if (empty)
    throw invalidParameter(`Message attribute '${empty[0]}' must contain a non-empty value of its type.`);
}

/** The message as its receiver sees it. */
export function received(message: Message, receiptHandle: string): ReceivedMessage {
  return {
    messageId: message.id,
    receiptHandle,
    body: message.body,
    md5OfBody: md5(message.body),
    attributes: {
      SenderId: message.senderId,
      SentTimestamp: String(Math.floor(message.sentAt)),
      ApproximateReceiveCount: String(message.receiveCount),
      ApproximateFirstReceiveTimestamp: String(Math.floor(message.firstReceivedAt ?? message.sentAt)),
      ...(message.groupId && { MessageGroupId: message.groupId }),
      ...(message.deadLetterSource && { DeadLetterQueueSourceArn: message.deadLetterSource }),
    },
    messageAttributes: message.attributes,
  };
}
