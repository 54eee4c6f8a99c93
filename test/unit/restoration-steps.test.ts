import { ExecutionAlreadyExists, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { internalError, permanentFailure, retryLater } from '../../lambdas/platform/errors.ts';
import type { RestorationProvider } from '../../lambdas/providers/restoration.ts';
import { sqsEvent } from './aws.ts';
import { type Edges, failuresOf, type Row, replaceEdges } from './edges.ts';

const provider = {
  createPrediction: jest.fn<RestorationProvider['createPrediction']>(),
  findPrediction: jest.fn<RestorationProvider['findPrediction']>(),
  getPrediction: jest.fn<RestorationProvider['getPrediction']>(),
  cancelPrediction: jest.fn<RestorationProvider['cancelPrediction']>(),
};
jest.unstable_mockModule('../../lambdas/restoration/provider.ts', () => ({
  restorations: async () => provider,
}));
const submitJob = await import('../../lambdas/restoration/submit-job/handler.ts');
const failAttempt = await import('../../lambdas/restoration/fail-attempt/handler.ts');
const checkPrediction = await import('../../lambdas/restoration/check-prediction/handler.ts');
const completeOrder = await import('../../lambdas/restoration/complete-order/handler.ts');

const jobId = '6f1c2b1e-0000-4000-8000-00000000000a';
const orderId = '6f1c2b1e-0000-4000-8000-00000000000b';
const imageId = '6f1c2b1e-0000-4000-8000-00000000000c';
const emailId = '6f1c2b1e-0000-4000-8000-00000000000d';

let edges: Edges;
let started: (string | undefined)[];
let startError: Error | undefined;
beforeEach(() => {
  edges = replaceEdges();
  started = [];
  startError = undefined;
  jest.spyOn(SFNClient.prototype, 'send').mockImplementation(async (command: object) => {
    if (!(command instanceof StartExecutionCommand)) throw new Error('another command');
    started.push(command.input.name);
    if (startError) throw startError;
    return {};
  });
  provider.createPrediction.mockReset().mockResolvedValue({ id: 'prediction' });
  provider.findPrediction.mockReset().mockResolvedValue(undefined);
  provider.getPrediction.mockReset();
  provider.cancelPrediction.mockReset().mockResolvedValue();
});
afterEach(() => void jest.restoreAllMocks());

describe('submit-job', () => {
  const claim = 'restoration/submit-job/claim';
  const submitted = 'restoration/submit-job/submitted';
  const claimed = (outcome: string, more: Row = {}): Row[] => [
    {
      outcome,
      imageId,
      orderId,
      storagePath: 'uploads/originals/o/i.jpg',
      externalJobId: null,
      queuedAt: null,
      scheduledFor: null,
      ...more,
    },
  ];
  const deliver = async () => failuresOf(await submitJob.handler(sqsEvent({ jobId, attempt: 1 })));
  beforeEach(() => edges.answer(submitted, [{ submitted: 1 }]));

  test('gives a waiting job to the provider and starts its poller', async () => {
    edges.answer(claim, claimed('claimed'));
    expect(await deliver()).toEqual([]);
    expect(edges.statements()).toEqual([claim, submitted]);
    expect(edges.paramsOf(submitted)).toMatchObject({ jobId, attempt: 1, predictionId: 'prediction' });
    expect(started).toEqual([`${jobId}-1`]);
    const [{ imageUrl = '' } = {}] = provider.createPrediction.mock.calls[0] ?? [];
    expect(new URL(imageUrl).searchParams.get('x-restoration-attempt')).toBe(`${jobId}.1`);
    expect(provider.findPrediction).not.toHaveBeenCalled();
  });

  test('adopts what a dead run left at the provider, instead of paying again', async () => {
    edges.answer(claim, claimed('taken over', { queuedAt: '2026-01-01T00:00:00Z' }));
    provider.findPrediction.mockResolvedValue('left behind');
    expect(await deliver()).toEqual([]);
    expect(provider.createPrediction).not.toHaveBeenCalled();
    expect(edges.paramsOf(submitted)).toMatchObject({ predictionId: 'left behind' });
  });

  test('creates a prediction when the dead run left none', async () => {
    edges.answer(claim, claimed('taken over'));
    expect(await deliver()).toEqual([]);
    expect(provider.createPrediction).toHaveBeenCalledTimes(1);
  });

  test('starts the poller of a job submitted before, whose first run died in between', async () => {
    edges.answer(claim, claimed('submitted', { externalJobId: 'known' }));
    startError = new ExecutionAlreadyExists({ message: 'exists', $metadata: {} });
    expect(await deliver()).toEqual([]);
    expect(provider.createPrediction).not.toHaveBeenCalled();
    expect(started).toEqual([`${jobId}-1`]);
  });

  test.each(['superseded', 'ended', 'not payable'])('does nothing to a job that is %s', async (outcome) => {
    edges.answer(claim, claimed(outcome));
    expect(await deliver()).toEqual([]);
    expect(provider.createPrediction).not.toHaveBeenCalled();
    expect([started, edges.sent]).toEqual([[], []]);
  });

  test.each([
    ['held by another run', () => edges.answer(claim, claimed('held'))],
    ['not there yet', () => edges.answer(claim, [])],
    [
      'not to be submitted just now',
      () => {
        edges.answer(claim, claimed('claimed'));
        provider.createPrediction.mockRejectedValue(retryLater('provider_unavailable', 'Not now.'));
      },
    ],
    [
      'without a poller',
      () => {
        edges.answer(claim, claimed('claimed'));
        startError = new Error('no such state machine');
      },
    ],
  ])('comes again for a job that is %s', async (_what, arrange) => {
    arrange();
    expect(await deliver()).toEqual(['message-0']);
    expect(edges.sent).toEqual([]);
  });

  describe('asked to wait', () => {
    const wait = 'restoration/submit-job/wait';
    const throttled = retryLater('provider_throttled', 'Slow down.', {
      retryAfterSeconds: 9,
      spacingSeconds: 10,
    });
    const scheduledFor = '2126-01-01T00:00:00.000Z';
    const later = {
      to: 'submit-job',
      message: { jobId, attempt: 1, notBefore: scheduledFor },
      groupId: orderId,
      delaySeconds: 900,
    };

    test('waits in line, and its message is done: neither a receive nor an attempt is used up', async () => {
      edges.answer(claim, claimed('claimed'));
      edges.answer(wait, [{ scheduledFor: '2126-01-01 00:00:00+00' }]);
      provider.createPrediction.mockRejectedValue(throttled);
      expect(await deliver()).toEqual([]);
      expect(edges.statements()).toEqual([claim, wait]);
      expect(edges.paramsOf(wait)).toMatchObject({ jobId, attempt: 1, waitSeconds: 9, spacingSeconds: 11 });
      expect(edges.sent).toEqual([later]);
      expect(started).toEqual([]);
    });

    test('does nothing for a job that was cancelled meanwhile', async () => {
      edges.answer(claim, claimed('claimed'));
      edges.answer(wait, []);
      provider.createPrediction.mockRejectedValue(throttled);
      expect(await deliver()).toEqual([]);
      expect(edges.sent).toEqual([]);
    });

    test('sends on the message of a job whose time has not come', async () => {
      edges.answer(claim, claimed('early', { scheduledFor: '2126-01-01 00:00:00+00' }));
      expect(await deliver()).toEqual([]);
      expect(provider.createPrediction).not.toHaveBeenCalled();
      expect(edges.sent).toEqual([later]);
    });

    test('while it looks for what a dead run left keeps the job in doubt', async () => {
      edges.answer(claim, claimed('taken over'));
      provider.findPrediction.mockRejectedValue(throttled);
      expect(await deliver()).toEqual(['message-0']);
      expect(edges.statements()).toEqual([claim]);
    });
  });

  test('asks fail-attempt to end what the provider refused for good', async () => {
    edges.answer(claim, claimed('claimed'));
    provider.createPrediction.mockRejectedValue(permanentFailure('input_rejected', 'Cannot read it.'));
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toEqual([
      {
        to: 'fail-attempt',
        message: { jobId, attempt: 1, code: 'input_rejected', message: 'Cannot read it.' },
      },
    ]);
    expect(started).toEqual([]);
  });

  test('stops a prediction whose job was cancelled meanwhile', async () => {
    edges.answer(claim, claimed('claimed'));
    edges.answer(submitted, [{ submitted: 0 }]);
    expect(await deliver()).toEqual([]);
    expect(provider.cancelPrediction).toHaveBeenCalledWith('prediction');
    expect(started).toEqual([]);
  });
});

describe('fail-attempt', () => {
  const fail = 'restoration/fail-attempt/fail';
  const settled = (outcome: string, more: Row = {}): Row[] => [
    { orderId, outcome, delaySeconds: 45, externalJobId: 'prediction', last: false, ...more },
  ];
  const deliver = async (code = 'prediction_failed', attempt = 1) =>
    failuresOf(await failAttempt.handler(sqsEvent({ jobId, attempt, code, message: 'why' })));

  test('submits the next attempt after a while', async () => {
    edges.answer(fail, settled('again'));
    expect(await deliver()).toEqual([]);
    expect(edges.paramsOf(fail)).toMatchObject({
      errorCode: 'prediction_failed',
      errorMessage: 'why',
      retryable: true,
    });
    expect(edges.sent).toEqual([
      { to: 'submit-job', message: { jobId, attempt: 2 }, groupId: orderId, delaySeconds: 45 },
    ]);
    expect(provider.cancelPrediction).not.toHaveBeenCalled();
  });

  test.each(['moderation_refused', 'input_rejected', 'output_too_large'])(
    'says that %s is final',
    async (code) => {
      edges.answer(fail, settled('failed'));
      await deliver(code);
      expect(edges.paramsOf(fail)).toMatchObject({ errorCode: code, retryable: false });
    },
  );

  test.each([
    [true, [{ to: 'complete-order', message: { orderId }, groupId: orderId }]],
    [false, []],
  ])('asks for the order’s end only if the photo was its last: %s', async (last, sent) => {
    edges.answer(fail, settled('failed', { last }));
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toEqual(sent);
  });

  test.each(['poller_broken', 'prediction_timed_out'])(
    'stops what %s may have left running',
    async (code) => {
      edges.answer(fail, settled('again'));
      await deliver(code);
      expect(provider.cancelPrediction).toHaveBeenCalledWith('prediction');
    },
  );

  test.each([
    ['prediction_failed', true],
    ['moderation_refused', true],
    ['provider_out_of_credit', false],
    ['provider_misconfigured', false],
    ['input_unavailable', false],
    ['output_unavailable', false],
    ['poller_broken', false],
  ])('counts an attempt that ended in %s: %s', async (code, counted) => {
    edges.answer(fail, settled('again'));
    await deliver(code);
    expect(edges.paramsOf(fail)).toMatchObject({ counted });
    expect(edges.log.lines()).toMatchObject([{ message: 'attempt failed', code, counted }]);
  });

  test('goes on with the photo even if the provider denies to cancel what is left', async () => {
    edges.answer(fail, settled('again'));
    provider.cancelPrediction.mockRejectedValue(internalError('provider_misconfigured', 'Denied.'));
    expect(await deliver('poller_broken')).toEqual(['message-0']);
    expect(edges.sent).toMatchObject([{ to: 'submit-job', message: { attempt: 2 } }]);
  });

  test('does nothing about an attempt that another has followed', async () => {
    edges.answer(fail, settled('superseded', { last: true }));
    expect(await deliver('poller_broken')).toEqual([]);
    expect(provider.cancelPrediction).not.toHaveBeenCalled();
    expect(edges.sent).toEqual([]);
  });

  test('reads a broken poller from the event of EventBridge', async () => {
    edges.answer(fail, settled('again'));
    const event = {
      version: '0',
      'detail-type': 'Step Functions Execution Status Change',
      source: 'aws.states',
      detail: { name: `${jobId}-3`, status: 'TIMED_OUT', stateMachineArn: 'arn:poller' },
    };
    expect(failuresOf(await failAttempt.handler(sqsEvent(event)))).toEqual([]);
    expect(edges.paramsOf(fail)).toMatchObject({
      jobId,
      attempt: 3,
      errorCode: 'poller_broken',
      errorMessage: 'The poller ended TIMED_OUT.',
    });
    expect(edges.sent).toMatchObject([{ message: { jobId, attempt: 4 } }]);
  });

  test.each([`${jobId}`, 'by-hand', `${jobId}-x`])('refuses an execution named %s', async (name) => {
    const event = { detail: { name, status: 'FAILED' } };
    expect(failuresOf(await failAttempt.handler(sqsEvent(event)))).toEqual(['message-0']);
    expect(edges.ran).toEqual([]);
  });

  test('comes again when there is no such job yet, or when the next message could not be sent', async () => {
    edges.answer(fail, []);
    expect(await deliver()).toEqual(['message-0']);
    edges.answer(fail, settled('again'));
    edges.refuse('submit-job');
    expect(await deliver()).toEqual(['message-0']);
    edges.accept('submit-job');
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toHaveLength(1);
  });
});

describe('check-prediction', () => {
  const input = { jobId, attempt: 1, orderId, imageId, predictionId: 'p' };

  test('answers how the prediction is', async () => {
    provider.getPrediction.mockResolvedValue({ state: 'running' });
    expect(await checkPrediction.handler(input)).toEqual({ state: 'running' });
    expect(provider.getPrediction).toHaveBeenCalledWith('p');
  });

  test('fails when it could not look, or was asked for nothing', async () => {
    provider.getPrediction.mockRejectedValue(retryLater('provider_throttled', 'Slow down.'));
    await expect(checkPrediction.handler(input)).rejects.toMatchObject({ name: 'provider_throttled' });
    await expect(checkPrediction.handler({ ...input, predictionId: '' })).rejects.toThrow();
  });
});

describe('complete-order', () => {
  const complete = 'restoration/complete-order/complete';
  const deliver = async () => failuresOf(await completeOrder.handler(sqsEvent({ orderId })));

  test('asks for the email that it queued', async () => {
    edges.answer(complete, [{ status: 'completed', open: 0, emailId }]);
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toEqual([{ to: 'send-email', message: { emailId }, groupId: orderId }]);
  });

  test('asks again when its message was lost, and nobody once the email is on its way', async () => {
    edges.answer(complete, [{ status: 'completed', open: 0, emailId }]);
    edges.refuse('send-email');
    expect(await deliver()).toEqual(['message-0']);
    edges.accept('send-email');
    expect(await deliver()).toEqual([]);
    edges.answer(complete, [{ status: 'completed', open: 0, emailId: null }]);
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toHaveLength(1);
  });

  test('leaves an order alone whose photos are not all done', async () => {
    edges.answer(complete, [{ status: 'processing', open: 2, emailId: null }]);
    expect(await deliver()).toEqual([]);
    expect(edges.sent).toEqual([]);
  });

  test('comes again for an order that is not there yet', async () => {
    edges.answer(complete, []);
    expect(await deliver()).toEqual(['message-0']);
  });
});
