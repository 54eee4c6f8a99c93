/** The product's own state machine runs here: it looks, stores, gives up, and hands failures on. */
import { afterEach, describe, expect, test } from '@jest/globals';
import type { LambdaResult } from '@restoreclick/local-aws';
import { checkArn, queueUrl, startSystem, stopSystems } from '@restoreclick/local-aws/test/step-functions';
import { pollerDefinition } from '../../lib/constructs/poller-definition.ts';

afterEach(stopSystems);

const storeArn = checkArn.replace(/check$/, 'store');
const definition = pollerDefinition({
  checkPredictionArn: checkArn,
  storeRestoredArn: storeArn,
  failAttemptQueueUrl: queueUrl,
  pollSeconds: 5,
  deadlineSeconds: 60,
});
const job = { jobId: 'j-1', attempt: 1, predictionId: 'p-1' };
const running: LambdaResult = { payload: { state: 'running' } };

/** Answers the looks in turn, the last again and again; storing answers `stored`. */
const predicting = (looks: LambdaResult[], stored: LambdaResult = { payload: { state: 'stored' } }) => ({
  async lambda(_: unknown, functionArn: string) {
    if (functionArn === storeArn) return stored;
    return (looks.length > 1 ? looks.shift() : looks[0]) ?? running;
  },
});

async function follow(...[looks, stored]: Parameters<typeof predicting>) {
  const system = await startSystem(definition, predicting(looks, stored));
  const executionArn = await system.start(job);
  await system.idle();
  for (let seconds = 0; seconds < 120; seconds += 5) await system.pass(5);
  return { ...system, execution: await system.describe(executionArn) };
}

describe('the poller', () => {
  test('looks until the prediction has succeeded, then stores it', async () => {
    const { execution, calls, sent } = await follow([running, running, { payload: { state: 'succeeded' } }]);
    expect(execution.status).toBe('SUCCEEDED');
    expect(calls).toEqual([
      { functionArn: checkArn, payload: job, seconds: 5 },
      { functionArn: checkArn, payload: job, seconds: 10 },
      { functionArn: checkArn, payload: job, seconds: 15 },
      { functionArn: storeArn, payload: job, seconds: 15 },
    ]);
    expect(sent).toEqual([]);
  });

  test('hands a failed prediction on', async () => {
    const failed = { state: 'failed', code: 'E005', message: 'flagged' };
    const { execution, sent } = await follow([running, { payload: failed }]);
    expect(execution.status).toBe('SUCCEEDED');
    expect(sent.map(({ body }) => JSON.parse(body))).toEqual([
      { jobId: 'j-1', attempt: 1, code: 'E005', message: 'flagged' },
    ]);
  });

  test('gives up at the deadline, by the local clock', async () => {
    const { calls, sent } = await follow([running]);
    expect(calls).toHaveLength(12);
    expect(sent.map(({ body }) => JSON.parse(body))).toMatchObject([{ jobId: 'j-1', attempt: 1 }]);
  });

  test('hands on what cannot be stored, after its retries', async () => {
    const broken: LambdaResult = { functionError: { errorType: 'Broken', errorMessage: 'no' } };
    const system = await startSystem(definition, predicting([{ payload: { state: 'succeeded' } }], broken));
    await system.start(job);
    await system.idle();
    for (let seconds = 0; seconds < 7200; seconds += 30) await system.pass(30);
    expect(system.calls.filter(({ functionArn }) => functionArn === storeArn)).toHaveLength(61);
    expect(system.sent.map(({ body }) => JSON.parse(body))).toMatchObject([
      { jobId: 'j-1', attempt: 1, message: expect.stringContaining('Broken') },
    ]);
  });
});
