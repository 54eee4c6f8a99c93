/**
 * A Step Functions service behind the real gateway, called by the real client, with a clock that
 * stands still until it is moved.
 */
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { expect } from '@jest/globals';
import aslValidator from 'asl-validator';
import { createClock } from '../clock/index.ts';
import type { EventBridgeEvent } from '../event-bridge/index.ts';
import { createCredentials, createGateway, createIam, operator } from '../gateway/index.ts';
import type { LambdaResult } from '../lambda/index.ts';
import { createStepFunctions } from '../step-functions/index.ts';
import { type Backing, createStore, type Store } from '../store/index.ts';
import type { PolicyStatement, StateMachineModel } from '../template/index.ts';

export const start = Date.parse('2026-11-22T12:00:00Z');
export const machineArn = 'arn:aws:states:us-east-1:000000000000:stateMachine:poller';
export const checkArn = 'arn:aws:lambda:us-east-1:000000000000:function:check';
export const queueArn = 'arn:aws:sqs:us-east-1:000000000000:fail-attempt';
export const queueUrl = 'http://127.0.0.1:4566/000000000000/fail-attempt';

/** A Task that calls the function `check`. */
export const check = {
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Arguments: { FunctionName: checkArn, Payload: '{% $states.input %}' },
  Output: '{% $states.result.Payload %}',
  End: true,
};

export const allow = (action: string, resource: string): PolicyStatement => ({
  effect: 'Allow',
  actions: [action],
  resources: [resource],
  conditions: {},
});

/** The model of the machine under test, its definition found good by asl-validator. */
export function machineOf(definition: object): StateMachineModel {
  const complete = { QueryLanguage: 'JSONata', ...definition };
  const { isValid, errorsText } = aslValidator(complete);
  expect(isValid ? '' : errorsText()).toBe('');
  return {
    logicalId: 'Poller',
    name: 'poller',
    arn: machineArn,
    definition: complete,
    policy: [allow('lambda:InvokeFunction', '*'), allow('sqs:SendMessage', queueArn)],
  };
}

/** A one-state machine. */
export const only = (state: object, rest: object = {}) => ({
  StartAt: 'Only',
  States: { Only: state },
  ...rest,
});

/** What is left of a killed system: documents as JSON, by collection. */
export type Disk = Map<string, Map<string, string>>;

function backingOn(disk: Disk): Backing {
  const of = (name: string) => disk.get(name) ?? new Map<string, string>();
  return {
    load: async (name) => [...of(name)].map(([key, value]) => [key, JSON.parse(value)]),
    async put(name, key, value) {
      disk.set(name, of(name).set(key, JSON.stringify(value)));
    },
    async delete(name, key) {
      of(name).delete(key);
    },
  };
}

type Options = {
  /** What the function answers; by default what it is given. */
  lambda?: (payload: unknown, functionArn: string) => Promise<LambdaResult>;
  /** Throws when EventBridge is to be out of order. */
  emit?: (event: EventBridgeEvent) => void;
  random?: () => number;
  policy?: PolicyStatement[];
  disk?: Disk;
  /** In place of one on the disk. */
  store?: Store;
  at?: number;
};

export type System = Awaited<ReturnType<typeof startSystem>>;
const systems = new Set<{ stop(): Promise<void> }>();

export async function stopSystems(): Promise<void> {
  await Promise.all([...systems].map((system) => system.stop()));
  systems.clear();
}

export async function startSystem(definition: object, options: Options = {}) {
  const { random = () => 0.5, disk = new Map(), at = start } = options;
  const model = machineOf(definition);
  const credentials = createCredentials({ secret: 'of this test', callers: ['submit-job', 'stranger'] });
  const iam = createIam({
    account: '000000000000',
    policies: new Map([
      ['Poller', options.policy ?? model.policy],
      ['submit-job', [allow('states:StartExecution', machineArn)]],
    ]),
  });
  const clock = createClock({ speed: 0, start: at });
  const calls: { functionArn: string; payload: unknown; seconds: number }[] = [];
  const sent: { queueUrl: string; body: string; caller: string; options: object }[] = [];
  const events: EventBridgeEvent[] = [];
  const logged: string[] = [];
  const service = await createStepFunctions({
    stateMachines: [model],
    store: options.store ?? createStore(backingOn(disk)),
    clock,
    random,
    async invokeLambda(functionArn, payload) {
      calls.push({ functionArn, payload, seconds: (clock.now() - at) / 1000 });
      return options.lambda ? await options.lambda(payload, functionArn) : { payload };
    },
    async sendMessage(queueUrl, body, caller, more) {
      sent.push({ queueUrl, body, caller, options: more });
      return { messageId: 'message-1' };
    },
    authorizeAs: iam.authorize,
    async emit(event) {
      options.emit?.(event);
      events.push(event);
    },
    log: (line) => logged.push(line),
  });
  // The client signs by the wall's clock.
  const gateway = await createGateway({
    credentials,
    iam,
    clock: { now: Date.now },
    log: (line) => logged.push(line),
  });
  gateway.serve('states', service.service);
  const clientOf = (caller: string) =>
    new SFNClient({
      endpoint: gateway.url,
      region: 'us-east-1',
      credentials: credentials.keyOf(caller),
      maxAttempts: 1,
    });
  const client = clientOf(operator.caller);

  const system = {
    ...service,
    clock,
    calls,
    sent,
    events,
    logged,
    disk,
    client,
    clientOf,
    async start(input: unknown = {}, name?: string) {
      const command = new StartExecutionCommand({
        stateMachineArn: machineArn,
        name,
        input: JSON.stringify(input),
      });
      const { executionArn = '' } = await client.send(command);
      return executionArn;
    },
    async describe(executionArn: string) {
      const { $metadata, ...execution } = await client.send(new DescribeExecutionCommand({ executionArn }));
      return execution;
    },
    async history(executionArn: string) {
      const { events = [] } = await client.send(
        new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }),
      );
      return events;
    },
    /** Starts an execution and answers how it stands once nothing moves but the clock. */
    async run(input?: unknown) {
      const executionArn = await system.start(input);
      await service.idle();
      return await system.describe(executionArn);
    },
    /** The JSON that a succeeded execution put out. */
    async outputFor(input?: unknown): Promise<unknown> {
      const { status, output = '', error, cause } = await system.run(input);
      expect({ status, error, cause }).toEqual({ status: 'SUCCEEDED' });
      return JSON.parse(output);
    },
    /** Moves the clock and lets everything happen that is due. */
    async pass(seconds: number) {
      clock.advance(seconds * 1000);
      await service.idle();
    },
    /** Leaves everything as a power cut would, and starts again on what was on disk by then. */
    async powerCut(more: Options = {}) {
      const disk: Disk = structuredClone(system.disk);
      const at = clock.now();
      await system.stop();
      const next = await startSystem(definition, { ...options, ...more, disk, at });
      await next.resume();
      await next.idle();
      return next;
    },
    async stop() {
      systems.delete(system);
      clock.stop();
      await service.stop();
      await gateway.stop();
    },
  };
  systems.add(system);
  return system;
}
