/** What a Task can call: a Lambda, by `lambda:invoke` or its ARN, and `sqs:sendMessage`. */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AwsError } from '../gateway/index.ts';
import type { LambdaResult } from '../lambda/index.ts';
import { StatesError } from './failure.ts';
import { type NewEvent, payload } from './history.ts';

/** The services behind the tasks; `caller` is the logical id of the state machine. */
export type Backends = {
  invokeLambda(functionArn: string, payload: unknown, caller: string): Promise<LambdaResult>;
  sendMessage(
    queueUrl: string,
    body: string,
    caller: string,
    options: { delaySeconds?: number; groupId?: string },
  ): Promise<{ messageId?: string }>;
  /** Throws `AccessDenied` unless the caller's policy allows it. */
  authorizeAs(caller: string, action: string, resource: string): void;
};

/** One task: what to do, and how the history tells of it. */
export type Task = {
  /** Named in errors about its result. */
  source: string;
  run(input: unknown): Promise<unknown>;
  scheduled(input: unknown, timeoutSeconds: number | undefined): NewEvent;
  started(): NewEvent;
  succeeded(output: unknown): NewEvent;
  failed(failure: StatesError): NewEvent;
};

const functionArn = /^arn:[\w-]+:lambda:[\w-]+:\d+:function:[\w-]+(:[\w$-]+)?$/;
const lambdaInvoke = 'arn:aws:states:::lambda:invoke';
const sqsSendMessage = 'arn:aws:states:::sqs:sendMessage';

/** Whether a Task state can have this `Resource` here. */
export function isImplemented(resource: string): boolean {
  return resource === lambdaInvoke || resource === sqsSendMessage || functionArn.test(resource);
}

/** The task behind a `Resource`, as run by this machine. */
export function taskOf(
  resource: string,
  machine: { logicalId: string; arn: string },
  backends: Backends,
): Task {
  const [, , , region = '', account = ''] = machine.arn.split(':');
  const caller = machine.logicalId;

  async function invoke(functionArn: string, input: unknown): Promise<unknown> {
    const result = await named('Lambda', async () => {
      backends.authorizeAs(caller, 'lambda:InvokeFunction', functionArn);
      return await backends.invokeLambda(functionArn, input, caller);
    });
    if ('payload' in result) return result.payload;
    throw new StatesError(
      result.functionError.errorType || 'Lambda.Unknown',
      JSON.stringify(result.functionError),
    );
  }
  async function invokeByArguments(input: unknown): Promise<unknown> {
    const { FunctionName: name, Payload: event = {} } = read(invokeArguments, input);
    const arn = name.startsWith('arn:') ? name : `arn:aws:lambda:${region}:${account}:function:${name}`;
    const answer = await invoke(arn, event);
    return { ExecutedVersion: '$LATEST', Payload: answer, StatusCode: 200, ...sdkMetadata() };
  }
  async function send(input: unknown): Promise<unknown> {
    const { QueueUrl, MessageBody, DelaySeconds, MessageGroupId } = read(sendArguments, input);
    const body = typeof MessageBody === 'string' ? MessageBody : JSON.stringify(MessageBody);
    const options = {
      ...(DelaySeconds !== undefined && { delaySeconds: DelaySeconds }),
      ...(MessageGroupId !== undefined && { groupId: MessageGroupId }),
    };
    const { messageId } = await named('SQS', async () => {
      backends.authorizeAs(caller, 'sqs:SendMessage', queueArn(QueueUrl, region));
      return await backends.sendMessage(QueueUrl, body, caller, options);
    });
    const md5 = createHash('md5').update(body).digest('hex');
    return {
      ...(messageId !== undefined && { MessageId: messageId }),
      MD5OfMessageBody: md5,
      ...sdkMetadata(),
    };
  }

  if (resource === lambdaInvoke) return serviceTask('lambda', 'invoke', region, invokeByArguments);
  if (resource === sqsSendMessage) return serviceTask('sqs', 'sendMessage', region, send);
  return lambdaTask(resource, (input) => invoke(resource, input));
}

const invokeArguments = z.strictObject({ FunctionName: z.string(), Payload: z.unknown().optional() });
const sendArguments = z.strictObject({
  QueueUrl: z.url(),
  MessageBody: z.unknown().refine((body) => body !== undefined, 'MessageBody is required'),
  DelaySeconds: z.int().min(0).max(900).optional(),
  MessageGroupId: z.string().optional(),
});

function read<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new StatesError(
    'States.Runtime',
    `The Arguments are not understood: ${z.prettifyError(parsed.error)}`,
  );
}

/** `http://127.0.0.1:4566/000000000000/name` → its ARN. */
function queueArn(queueUrl: string, region: string): string {
  const [name = '', account = ''] = new URL(queueUrl).pathname.split('/').reverse();
  return `arn:aws:sqs:${region}:${account}:${name}`;
}

/** Names a service's refusal as Step Functions does: `SQS.QueueDoesNotExist`. */
async function named<T>(service: 'Lambda' | 'SQS', call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof AwsError)) throw new StatesError(`${service}.SdkClientException`, String(error));
    // Without permission both services answer with the general exception of their SDK.
    const general = service === 'Lambda' ? 'AWSLambdaException' : 'AmazonSQSException';
    const name = error.status === 403 ? general : error.code;
    throw new StatesError(
      `${service}.${name}`,
      `${error.message} (Service: ${service}; Status Code: ${error.status}; Error Code: ${error.code})`,
    );
  }
}

function sdkMetadata() {
  return { SdkHttpMetadata: { HttpStatusCode: 200 }, SdkResponseMetadata: { RequestId: randomUUID() } };
}

function serviceTask(service: string, call: string, region: string, run: Task['run']): Task {
  const of = { resourceType: service, resource: call };
  return {
    source: service,
    run,
    scheduled: (input, timeoutSeconds) => ({
      type: 'TaskScheduled',
      details: { ...of, region, parameters: JSON.stringify(input), ...timeout(timeoutSeconds) },
    }),
    started: () => ({ type: 'TaskStarted', details: of }),
    succeeded: (output) => ({ type: 'TaskSucceeded', details: { ...of, ...payload('output', output) } }),
    failed: (failure) => ({
      type: failure.error === 'States.Timeout' ? 'TaskTimedOut' : 'TaskFailed',
      details: { ...of, ...errorDetails(failure) },
    }),
  };
}

function lambdaTask(arn: string, run: Task['run']): Task {
  return {
    source: arn,
    run,
    scheduled: (input, timeoutSeconds) => ({
      type: 'LambdaFunctionScheduled',
      details: { resource: arn, ...payload('input', input), ...timeout(timeoutSeconds) },
    }),
    started: () => ({ type: 'LambdaFunctionStarted' }),
    succeeded: (output) => ({ type: 'LambdaFunctionSucceeded', details: payload('output', output) }),
    failed: (failure) => ({
      type: failure.error === 'States.Timeout' ? 'LambdaFunctionTimedOut' : 'LambdaFunctionFailed',
      details: errorDetails(failure),
    }),
  };
}

function timeout(seconds: number | undefined) {
  return seconds === undefined ? {} : { timeoutInSeconds: seconds };
}

/** `{ error, cause }` of an event; what there is none of is left out. */
export function errorDetails({ error, explanation }: StatesError): { error?: string; cause?: string } {
  return { ...(error && { error }), ...(explanation !== undefined && { cause: explanation }) };
}
