/** The gateway takes what the real clients send, and nothing that was changed on the way. */
import { createHash } from 'node:crypto';
import { ExecuteStatementCommand, RDSDataClient } from '@aws-sdk/client-rds-data';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClock } from '../clock/index.ts';
import {
  type AwsCall,
  type AwsService,
  createCredentials,
  createGateway,
  createIam,
  type Gateway,
  jsonAnswer,
  operator,
  readJson,
} from '../gateway/index.ts';

const credentials = createCredentials({ secret: 'of this test', callers: ['place-order', 'bare'] });
const iam = createIam({
  account: '000000000000',
  policies: new Map([
    ['place-order', [{ effect: 'Allow', actions: ['*'], resources: ['*'], conditions: {} }]],
    ['bare', []],
  ]),
});
const clock = createClock();
const logged: string[] = [];
let gateway: Gateway;
let answerWith: AwsService;
const calls: AwsCall[] = [];
const bodyOf = async (call: AwsCall) => Buffer.concat(await call.body.toArray()).toString();

beforeAll(async () => {
  gateway = await createGateway({ credentials, iam, clock, log: (line) => logged.push(line) });
  for (const name of ['s3', 'sqs', 'rds-data']) {
    gateway.serve(name, async (call) => {
      calls.push(call);
      return answerWith(call);
    });
  }
});
afterAll(async () => {
  await gateway.stop();
  clock.stop();
});

const settings = (caller: string, key = credentials.keyOf(caller)) => ({
  endpoint: gateway.url,
  region: 'us-east-1',
  credentials: key,
  maxAttempts: 1,
});
const s3 = (caller = 'place-order') => new S3Client(settings(caller));
const sqs = (caller = 'place-order') => new SQSClient(settings(caller));
const queue = () => `${gateway.url}/000000000000/jobs`;
const send = (client: SQSClient, body = 'x') =>
  client.send(new SendMessageCommand({ QueueUrl: queue(), MessageBody: body }));

describe('a call', () => {
  test('reaches its service with its caller, operation and body', async () => {
    answerWith = async (call) => {
      call.authorize('sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:jobs');
      expect(await readJson(call)).toMatchObject({ MessageBody: 'grüße' });
      return jsonAnswer({
        MessageId: 'm-1',
        MD5OfMessageBody: createHash('md5').update('grüße').digest('hex'),
      });
    };
    expect((await send(sqs(), 'grüße')).MessageId).toBe('m-1');
    expect(calls.at(-1)).toMatchObject({ caller: 'place-order', operation: 'SendMessage', method: 'POST' });
  });

  test('of a REST service carries its path', async () => {
    answerWith = async (call) => {
      call.authorize('rds-data:ExecuteStatement', 'arn:cluster');
      return jsonAnswer({ numberOfRecordsUpdated: 3 });
    };
    const answer = await new RDSDataClient(settings('place-order')).send(
      new ExecuteStatementCommand({ resourceArn: 'arn:cluster', secretArn: 'arn:secret', sql: 'select 1' }),
    );
    expect(answer.numberOfRecordsUpdated).toBe(3);
    expect(calls.at(-1)).toMatchObject({ path: '/Execute', operation: '' });
  });

  test('to S3 keeps the key as sent, and streams both ways', async () => {
    const big = Buffer.alloc(3 * 1024 ** 2, 'photo');
    let arrived = '';
    answerWith = async (call) => {
      call.authorize('s3:PutObject', 'arn:aws:s3:::temp/x');
      arrived = await bodyOf(call);
      return { status: 200, headers: { etag: '"1"' } };
    };
    await s3().send(new PutObjectCommand({ Bucket: 'temp', Key: 'ä b/(1)+&=.png', Body: big }));
    expect(calls.at(-1)?.path).toBe('/temp/%C3%A4%20b/%281%29%2B%26%3D.png');
    expect(arrived).toContain(big.toString());
  });

  test('HEAD keeps the length of what it does not send', async () => {
    answerWith = async (call) => {
      call.authorize('s3:GetObject', 'arn:aws:s3:::temp/x');
      return { status: 200, headers: { 'content-length': '1234' } };
    };
    const head = await s3().send(new HeadObjectCommand({ Bucket: 'temp', Key: 'x' }));
    expect(head.ContentLength).toBe(1234);
  });
});

describe('a call is refused', () => {
  test('when its secret is wrong, in the words of the service', async () => {
    const wrong = { ...credentials.keyOf('place-order'), secretAccessKey: 'guessed' };
    await expect(send(new SQSClient(settings('', wrong)))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      $metadata: { httpStatusCode: 403 },
    });
    const get = new GetObjectCommand({ Bucket: 'temp', Key: 'x' });
    await expect(new S3Client(settings('', wrong)).send(get)).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
    });
    const unknown = { accessKeyId: 'AKIAUNKNOWN000000000', secretAccessKey: 'guessed' };
    await expect(new S3Client(settings('', unknown)).send(get)).rejects.toMatchObject({
      name: 'InvalidAccessKeyId',
    });
  });

  test('when its body was changed after signing', async () => {
    const client = sqs();
    client.middlewareStack.add(
      (next) => (given) => {
        const request = given.request as { body: Uint8Array };
        request.body = Buffer.from(new TextDecoder().decode(request.body).replace('to me', 'to us'));
        return next(given);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    await expect(send(client, 'to me')).rejects.toMatchObject({ name: 'InvalidSignatureException' });
  });

  test('when the policy does not allow it', async () => {
    answerWith = async (call) => {
      call.authorize('sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:jobs');
      return jsonAnswer({});
    };
    await expect(send(sqs('bare'))).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('assumed-role/bare is not authorized to perform: sqs:SendMessage'),
    });
  });

  test('when it is unsigned, unless it is a browser asking S3', async () => {
    answerWith = async () => ({ status: 204 });
    expect((await fetch(`${gateway.url}/temp/x`)).status).toBe(403);
    expect((await fetch(`${gateway.url}/temp/x`, { method: 'POST', body: 'x' })).status).toBe(403);
    expect((await fetch(`${gateway.url}/temp/x`, { method: 'OPTIONS' })).status).toBe(204);
    const form = new FormData();
    form.set('key', 'x');
    expect((await fetch(`${gateway.url}/temp`, { method: 'POST', body: form })).status).toBe(204);
    expect(calls.at(-1)?.caller).toBe('anonymous');
  });

  test('when its time is neither the wall’s nor the local clock’s', async () => {
    answerWith = async (call) => {
      call.authorize('sqs:ReceiveMessage', 'arn');
      return jsonAnswer({});
    };
    const late = new SQSClient({ ...settings('place-order'), systemClockOffset: -3_600_000 });
    await expect(late.send(new ReceiveMessageCommand({ QueueUrl: queue() }))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
    });
  });
});

describe('a presigned URL', () => {
  const presign = (expiresIn = 60) =>
    getSignedUrl(s3(), new GetObjectCommand({ Bucket: 'temp', Key: 'a b.png' }), { expiresIn });

  test('is its signer’s call, for as long as it says', async () => {
    answerWith = async (call) => {
      call.authorize('s3:GetObject', 'arn:aws:s3:::temp/a b.png');
      return { status: 200, body: 'photo' };
    };
    const url = await presign();
    expect(await (await fetch(url)).text()).toBe('photo');
    expect(calls.at(-1)?.caller).toBe('place-order');
  });

  test('does not open another object', async () => {
    const answer = await fetch((await presign()).replace('a%20b', 'c'));
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('<Code>SignatureDoesNotMatch</Code>');
  });

  test('expires by the local clock', async () => {
    const ownClock = createClock();
    const own = await createGateway({ credentials, iam, clock: ownClock, log: () => {} });
    own.serve('s3', async (call) => {
      call.authorize('s3:GetObject', 'arn');
      return { status: 200, body: 'photo' };
    });
    const client = new S3Client({ ...settings('place-order'), endpoint: own.url });
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: 'temp', Key: 'x' }), {
      expiresIn: 60,
    });
    expect((await fetch(url)).status).toBe(200);
    ownClock.advance(61_000);
    const answer = await fetch(url);
    expect(answer.status).toBe(403);
    expect(await answer.text()).toMatch(/<Code>AccessDenied<\/Code><Message>Request has expired<\/Message>/);
    await own.stop();
    ownClock.stop();
  });
});

describe('a service', () => {
  test('that answers without asking is stopped, and says so', async () => {
    answerWith = async () => jsonAnswer({ MessageId: 'm-1' });
    await expect(send(sqs())).rejects.toMatchObject({
      $metadata: { httpStatusCode: 500 },
      message: expect.stringContaining('sqs answered SendMessage without asking whether place-order may'),
    });
    expect(logged.at(-1)).toContain('without asking');
  });

  test('that answers with what no header can hold gets a 500', async () => {
    answerWith = async (call) => {
      call.authorize('s3:GetObject', 'arn:aws:s3:::temp/x');
      return { status: 200, headers: { 'content-disposition': 'Großmutter ☺' } };
    };
    await expect(s3().send(new GetObjectCommand({ Bucket: 'temp', Key: 'x' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 500 },
    });
  });

  test('that does not exist is named', async () => {
    const client = new SecretsManagerClient(settings('place-order'));
    await expect(client.send(new GetSecretValueCommand({ SecretId: 'x' }))).rejects.toMatchObject({
      message: 'The local secretsmanager does not implement GetSecretValue.',
      $metadata: { httpStatusCode: 501 },
    });
  });
});

test('a client by the wall’s time is understood when the local clock is days ahead', async () => {
  answerWith = async (call) => {
    call.authorize('sqs:ReceiveMessage', 'arn');
    return jsonAnswer({});
  };
  clock.advance(3 * 86_400_000);
  const { $metadata } = await sqs().send(new ReceiveMessageCommand({ QueueUrl: queue() }));
  expect($metadata.httpStatusCode).toBe(200);
});

test('the operator signs with a key that is the same everywhere', async () => {
  answerWith = async (call) => {
    call.authorize('sqs:ReceiveMessage', 'arn');
    return jsonAnswer({});
  };
  await new SQSClient(settings('operator')).send(new ReceiveMessageCommand({ QueueUrl: queue() }));
  expect(calls.at(-1)?.caller).toBe('operator');
  expect(credentials.keyOf('operator')).toBe(operator);
});
