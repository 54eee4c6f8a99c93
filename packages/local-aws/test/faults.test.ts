/**
 * Every call that a function makes is seen, and can be made to fail, with the clients that the
 * product uses.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { createClock } from '../clock/index.ts';
import { createFaults, type FaultAction, type Faults } from '../faults/index.ts';
import { createCredentials } from '../gateway/index.ts';
import { createLambda, type Lambda } from '../lambda/index.ts';

/** Each makes one call with its client, and answers what it saw. */
const clients: Record<string, { source: string; service: string; operation: string; repeats?: true }> = {
  s3: {
    source: `import { S3Client, PutObjectCommand } from '@aws-sdk/client-s3';
      const client = new S3Client({ maxAttempts: 1 });
      const call = () => client.send(new PutObjectCommand({ Bucket: 'temp', Key: 'a b.png', Body: 'photo' }));`,
    service: 's3',
    operation: 'PUT /temp/a%20b.png',
  },
  sqs: {
    source: `import { SQSClient, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
      const client = new SQSClient({ maxAttempts: 1 });
      const call = () => client.send(new ReceiveMessageCommand({ QueueUrl: process.env.AWS_ENDPOINT_URL_SQS + '/0/jobs' }));`,
    service: 'sqs',
    operation: 'ReceiveMessage',
  },
  database: {
    source: `import { RDSDataClient, ExecuteStatementCommand } from '@aws-sdk/client-rds-data';
      const client = new RDSDataClient({ maxAttempts: 1 });
      const call = () => client.send(new ExecuteStatementCommand({ resourceArn: 'a', secretArn: 'b', sql: 'select 1' }));`,
    service: 'rds-data',
    operation: 'POST /Execute',
  },
  stripe: {
    source: `import Stripe from 'stripe';
      const stripe = new Stripe('sk_test_1', { host: '127.0.0.1', port: process.env.PROVIDER_PORT, protocol: 'http', maxNetworkRetries: 0 });
      const call = () => stripe.checkout.sessions.retrieve('cs_1');`,
    service: 'stripe',
    operation: 'GET /v1/checkout/sessions/cs_1',
    repeats: true,
  },
  replicate: {
    source: `import Replicate from 'replicate';
      const replicate = new Replicate({ auth: 'r8', baseUrl: 'http://localhost:' + process.env.PROVIDER_PORT + '/v1', fetch: (...given) => fetch(...given) });
      const call = () => replicate.predictions.get('p1', { signal: AbortSignal.timeout(20_000) });`,
    service: 'replicate',
    operation: 'GET /v1/predictions/p1',
    repeats: true,
  },
  sendgrid: {
    source: `import mail from '@sendgrid/mail';
      mail.setApiKey('SG.1');
      mail.client.setDefaultRequest('baseUrl', 'http://[::1]:' + process.env.PROVIDER_PORT + '/');
      const call = () => mail.send({ to: 'a@example.com', from: 'b@example.com', subject: 's', text: 't' });`,
    service: 'sendgrid',
    operation: 'POST /v3/mail/send',
  },
};

const wrap = (source: string) => `${source}
  export const handler = async ({ times = 1 } = {}) => {
    const seen = [];
    for (let n = 0; n < times; n += 1) await call().then(() => seen.push('ok'), (error) => seen.push(String(error.cause?.code ?? error.code ?? error.detail?.code ?? error.message)));
    return seen;
  };`;

let root: string;
let server: Server;
let lambda: Lambda;
let faults: Faults;
let arrived: string[] = [];
const clock = createClock();

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      arrived.push(`${request.method} ${request.url?.split('?')[0]}`);
      response.setHeader('content-type', 'application/json');
      response.end(request.headers.authorization?.includes('/s3/') ? '' : '{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  const { port } = server.address() as AddressInfo;
  faults = createFaults({
    hosts: {
      [`127.0.0.1:${port}`]: 'stripe',
      [`localhost:${port}`]: 'replicate',
      [`::1:${port}`]: 'sendgrid',
    },
  });
  root = await mkdtemp(join(tmpdir(), 'faults-test-'));
  await Promise.all(
    Object.entries(clients).map(([name, { source }]) =>
      build({
        stdin: { contents: wrap(source), resolveDir: process.cwd() },
        outfile: join(root, name, 'index.mjs'),
        bundle: true,
        platform: 'node',
        format: 'esm',
        banner: {
          js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
        },
        logLevel: 'error',
      }),
    ),
  );
  lambda = await createLambda({
    functions: Object.keys(clients).map((name) => ({
      logicalId: `${name}Function`,
      name,
      arn: `arn:aws:lambda:us-east-1:0:function:${name}`,
      description: '',
      folder: join(root, name),
      handler: 'index.handler',
      environment: {},
      memoryMb: 256,
      timeoutSeconds: 2,
      policy: [],
    })),
    region: 'us-east-1',
    credentials: createCredentials({ secret: 's', callers: [] }),
    endpoint: `http://127.0.0.1:${port}`,
    environment: { PROVIDER_PORT: String(port) },
    faults,
    clock,
    log: () => {},
    concurrency: 2,
  });
});
afterAll(async () => {
  await lambda.stop();
  server.closeAllConnections();
  server.close();
  clock.stop();
  await rm(root, { recursive: true });
});
beforeEach(() => {
  faults.reset();
  arrived = [];
});

const outcome = async (name: string, event = {}) => {
  const result = await lambda.invoke(name, event);
  return 'payload' in result ? (result.payload as string[]).join() : result.functionError.errorType;
};

describe.each(Object.entries(clients))('a call by %s', (name, { service, operation, repeats }) => {
  test('is reported with its service and operation', async () => {
    expect(await outcome(name, { times: 2 })).toBe('ok,ok');
    expect(faults.calls()).toMatchObject([
      { function: name, index: 1, service, operation: expect.stringContaining(operation) },
      { function: name, index: 2, service },
    ]);
    expect(faults.calls()[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  // Whatever they are told, Stripe's client repeats a broken call, and so does Replicate's when it
  // may.
  const broken = repeats ? 'ok' : 'ECONNRESET';
  test.each<[FaultAction, string, number]>([
    ['fail-before', broken, 0],
    ['fail-after', broken, 1],
    ['kill-before', 'Runtime.ExitError', 0],
    ['kill-after', 'Runtime.ExitError', 1],
  ])('can %s its effect', async (action, outcomeWanted, effects) => {
    const fault = faults.inject({ function: name, service, operation, times: 1, action });
    expect(await outcome(name)).toBe(outcomeWanted);
    expect(fault.fired()).toBe(1);
    const [first, ...repeated] = faults.calls();
    expect(first).toMatchObject({ fault: action });
    expect(arrived).toHaveLength(effects + repeated.length);
    expect(await outcome(name)).toBe('ok');
  });

  test('can hang until the function’s timeout', async () => {
    faults.inject({ function: `${name}Function`, action: 'hang', times: 1 });
    expect(await outcome(name)).toBe('Sandbox.Timedout');
    expect(arrived).toEqual([]);
  });
});

describe('a rule', () => {
  test('can mean the n-th call of an invocation', async () => {
    faults.inject({ index: 2, action: 'fail-before' });
    expect(await outcome('sqs', { times: 3 })).toBe('ok,ECONNRESET,ok');
  });

  test('can be a pattern of operations', async () => {
    faults.inject({ operation: /^put .*x-id=PutObject$/i, action: 'fail-before' });
    expect(await outcome('s3')).toBe('ECONNRESET');
    expect(await outcome('database')).toBe('ok');
  });

  test('fires no more often than it may, whoever meets it', async () => {
    const fault = faults.inject({ service: 'sqs', times: 3, action: 'fail-before' });
    const all = await Promise.all([outcome('sqs', { times: 4 }), outcome('sqs', { times: 4 })]);
    expect(all.join().match(/ECONNRESET/g)).toHaveLength(3);
    expect(fault.fired()).toBe(3);
  });

  test('that is removed, or of another function, does nothing', async () => {
    faults.inject({ service: 'sqs', action: 'fail-before' }).remove();
    faults.inject({ function: 'stripe', action: 'fail-before' });
    expect(await outcome('sqs')).toBe('ok');
  });
});
