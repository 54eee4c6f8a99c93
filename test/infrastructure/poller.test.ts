/**
 * The poller's state machine, run: it looks until the prediction is stored, or hands the attempt
 * on.
 */
import { afterEach, describe, expect, test } from '@jest/globals';
import type { LambdaResult } from '@restoreclick/local-aws';
import {
  checkArn,
  queueUrl,
  type System,
  startSystem,
  stopSystems,
} from '@restoreclick/local-aws/test/step-functions';
import { pollerDefinition } from '../../lib/constructs/poller-definition.ts';
import { synthesizeStack } from './synthesized.ts';

afterEach(stopSystems);

const storeArn = 'arn:aws:lambda:us-east-1:000000000000:function:store';
const definition = pollerDefinition({
  checkPredictionArn: checkArn,
  storeRestoredArn: storeArn,
  failAttemptQueueUrl: queueUrl,
  pollSeconds: 10,
  deadlineSeconds: 2100,
});
const input = { jobId: 'job-1', attempt: 2, orderId: 'order-1', imageId: 'image-1', predictionId: 'p1' };
const outputUrl = 'https://replicate.delivery/p1.png';

type Answers = { check: () => LambdaResult; store?: () => LambdaResult };
const broken = (errorType: string): LambdaResult => ({
  functionError: { errorType, errorMessage: 'It did not work.' },
});
const running: LambdaResult = { payload: { state: 'running' } };
const succeeded: LambdaResult = { payload: { state: 'succeeded', outputUrl } };

/** Polls for that long, and says how it went. */
async function poll({ check, store = () => ({ payload: { stored: true } }) }: Answers, seconds: number) {
  const system = await startSystem(definition, {
    lambda: async (_, functionArn) => (functionArn === checkArn ? check() : store()),
  });
  const { executionArn = '' } = await system.run(input);
  for (let passed = 0; passed < seconds; passed += 10) await system.pass(10);
  return { system, ...(await system.describe(executionArn)) };
}
const looks = ({ calls }: System) => calls.filter(({ functionArn }) => functionArn === checkArn);
const stores = ({ calls }: System) => calls.filter(({ functionArn }) => functionArn === storeArn);
const handedOn = ({ sent }: System) => sent.map(({ queueUrl: to, body }) => ({ to, ...JSON.parse(body) }));

describe('the poller', () => {
  test('stores what the prediction made, as soon as it sees it', async () => {
    let left = 2;
    const { system, status } = await poll({ check: () => (left-- > 0 ? running : succeeded) }, 30);
    expect(status).toBe('SUCCEEDED');
    expect(looks(system).map(({ seconds, payload }) => ({ seconds, payload }))).toEqual(
      [10, 20, 30].map((seconds) => ({ seconds, payload: input })),
    );
    expect(stores(system).map(({ payload }) => payload)).toEqual([{ ...input, outputUrl }]);
    expect(system.sent).toEqual([]);
  });

  test('hands a failed prediction’s attempt on, with its code, and is done', async () => {
    const failed = { state: 'failed', code: 'moderation_refused', message: 'No (E005).' };
    const { system, status } = await poll({ check: () => ({ payload: failed }) }, 10);
    expect(status).toBe('SUCCEEDED');
    expect(handedOn(system)).toEqual([
      { to: queueUrl, jobId: 'job-1', attempt: 2, code: 'moderation_refused', message: 'No (E005).' },
    ]);
    expect(stores(system)).toEqual([]);
  });

  test('gives up at the deadline', async () => {
    const { system, status } = await poll({ check: () => running }, 2100);
    expect(status).toBe('SUCCEEDED');
    expect(handedOn(system)).toMatchObject([{ jobId: 'job-1', attempt: 2, code: 'prediction_timed_out' }]);
    expect(looks(system)).toHaveLength(210);
  });

  test('takes looks that were refused for no end: what was made meanwhile is stored', async () => {
    let left = 250;
    const check = () => (left-- > 0 ? broken('provider_misconfigured') : succeeded);
    const { system, status } = await poll({ check }, 2600);
    expect(status).toBe('SUCCEEDED');
    expect(stores(system)).toHaveLength(1);
    expect(system.sent).toEqual([]);
  });

  test('hands on what nobody could look at while its output lived, and does not say it timed out', async () => {
    const { system, status } = await poll({ check: () => broken('provider_misconfigured') }, 2100 + 3600);
    expect(status).toBe('SUCCEEDED');
    expect(handedOn(system)).toMatchObject([{ jobId: 'job-1', attempt: 2, code: 'provider_unavailable' }]);
  });

  test('looks again after a look that failed: the prediction is paid for', async () => {
    let left = 3;
    const { system, status } = await poll(
      { check: () => (left-- > 0 ? broken('StepError') : succeeded) },
      40,
    );
    expect(status).toBe('SUCCEEDED');
    expect(looks(system)).toHaveLength(4);
    expect(stores(system)).toHaveLength(1);
    expect(system.sent).toEqual([]);
  });

  test('tries a look again within seconds when Lambda itself was at fault', async () => {
    let left = 1;
    const check = () => (left-- > 0 ? broken('Lambda.TooManyRequestsException') : succeeded);
    const { system } = await poll({ check }, 20);
    expect(looks(system)).toHaveLength(2);
    expect(looks(system)[1]?.seconds).toBeLessThanOrEqual(20);
    expect(system.sent).toEqual([]);
  });

  test('tries storing again', async () => {
    let left = 2;
    const store = () => (left-- > 0 ? broken('output_unavailable') : { payload: { stored: true } });
    const { system, status } = await poll({ check: () => succeeded, store }, 120);
    expect(status).toBe('SUCCEEDED');
    expect(stores(system)).toHaveLength(3);
    expect(system.sent).toEqual([]);
  });

  test('hands on at once what can never be stored', async () => {
    const store = () => broken('output_refused');
    const { system, status } = await poll({ check: () => succeeded, store }, 10);
    expect(status).toBe('SUCCEEDED');
    expect(stores(system)).toHaveLength(1);
    expect(handedOn(system)).toMatchObject([{ code: 'output_refused' }]);
  });

  test('hands on what could not be stored after many tries, under a code the product knows', async () => {
    const store = () => broken('Runtime.ExitError');
    const { system, status } = await poll({ check: () => succeeded, store }, 2 * 3600);
    expect(status).toBe('SUCCEEDED');
    expect(stores(system)).toHaveLength(61);
    expect(handedOn(system)).toMatchObject([{ code: 'output_unavailable' }]);
  });
});

test('the machine that is deployed is this one, with the stack’s functions and settings', () => {
  const stack = synthesizeStack();
  stack.remove();
  expect(stack.model.stateMachines[0]?.definition).toEqual(
    pollerDefinition({
      checkPredictionArn: stack.step('restoration/check-prediction').arn,
      storeRestoredArn: stack.step('restoration/store-restored').arn,
      failAttemptQueueUrl: stack.step('restoration/submit-job').environment.FAIL_ATTEMPT_QUEUE_URL ?? '',
      pollSeconds: 10,
      deadlineSeconds: 35 * 60,
    }),
  );
});
