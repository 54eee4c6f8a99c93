/** Two queues of the local SQS behind the gateway, spoken to by the real client. */
import { type Message, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach } from '@jest/globals';
import { type Clock, createClock } from '../clock/index.ts';
import { createCredentials, createGateway, createIam, type Gateway } from '../gateway/index.ts';
import { createSqs, type Sqs } from '../sqs/index.ts';
import { createStore, type Store } from '../store/index.ts';
import type { QueueModel } from '../template/index.ts';

export const seconds = (n: number) => n * 1000;
export const credentials = createCredentials({ secret: 'test', callers: ['Sender'] });

/** The gateway goes by the wall, so that moving the queues' clock ages no signature. */
export const wall = createClock();

export let clock: Clock;
export let gateway: Gateway;
export let store: Store;
export let sqs: Sqs;
export let operator: SQSClient;
export let sender: SQSClient;
export let work: QueueModel;
export let deadLetters: QueueModel;

export const queue = (name: string, url: string, more: Partial<QueueModel> = {}): QueueModel => ({
  logicalId: name,
  name,
  arn: `arn:aws:sqs:us-east-1:000000000000:${name}`,
  url: `${url}/000000000000/${name}`,
  visibilityTimeoutSeconds: 30,
  delaySeconds: 0,
  retentionSeconds: 4 * 86_400,
  ...more,
});

export const client = (caller: string) =>
  new SQSClient({
    region: 'us-east-1',
    endpoint: gateway.url,
    credentials: credentials.keyOf(caller),
    maxAttempts: 1,
  });

export async function open() {
  sqs = await createSqs({ queues: [work, deadLetters], store, clock });
  gateway.serve('sqs', sqs.service);
}

/** Opens the queues anew for each test of a file. */
export function setUp(): void {
  beforeEach(async () => {
    clock = createClock();
    const arn = 'arn:aws:sqs:us-east-1:000000000000:work';
    const iam = createIam({
      account: '000000000000',
      policies: new Map([
        ['Sender', [{ effect: 'Allow', actions: ['sqs:SendMessage'], resources: [arn], conditions: {} }]],
      ]),
    });
    gateway = await createGateway({ credentials, iam, clock: wall, log: console.error });
    deadLetters = queue('dead-letters', gateway.url, { retentionSeconds: 14 * 86_400 });
    work = queue('work', gateway.url, { redrive: { deadLetterArn: deadLetters.arn, maxReceiveCount: 2 } });
    store = createStore();
    await open();
    operator = client('operator');
    sender = client('Sender');
  });

  afterEach(async () => {
    sqs.close();
    clock.stop();
    operator.destroy();
    sender.destroy();
    await gateway.stop();
  });
}

export const send = (body: string, more: { DelaySeconds?: number; MessageGroupId?: string } = {}) =>
  operator.send(new SendMessageCommand({ QueueUrl: work.url, MessageBody: body, ...more }));

export async function receive(
  url = work.url,
  more: { WaitTimeSeconds?: number; VisibilityTimeout?: number } = {},
) {
  const { Messages = [] } = await operator.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
      ...more,
    }),
  );
  return Messages;
}

export const bodies = (messages: Message[]) => messages.map(({ Body }) => Body);

/** Receives as often as the redrive policy allows, letting each visibility pass. */
export async function giveUp() {
  for (const _ of [1, 2]) {
    await receive();
    clock.advance(seconds(30));
  }
  await receive();
}
