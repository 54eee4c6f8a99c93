/** What sets off which step, and whom it may tell. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { allSteps, nameOf, rights, steps, synthesizeStack } from './synthesized.ts';

const stack = synthesizeStack();
const { model, step } = stack;
afterAll(stack.remove);

const nameById = (id: string) => model.functions.filter(({ logicalId }) => logicalId === id).map(nameOf)[0];
const queueFeeding = (name: string) => {
  const source = model.eventSources.find(({ functionId }) => functionId === step(name).logicalId);
  const queue = model.queues.find(({ arn }) => arn === source?.queueArn);
  if (!source || !queue) throw new Error(`No queue feeds ${name}.`);
  return { source, queue };
};

describe('steps', () => {
  test('are exactly those of the design', () => {
    expect(model.functions.map(nameOf).sort()).toEqual([...allSteps].sort());
  });

  test.each(Object.entries(steps.routes))('%s sets off %s', (routeKey, name) => {
    const route = model.api.routes.find((each) => each.routeKey === routeKey);
    expect(nameById(route?.functionId ?? '')).toBe(name);
  });

  test('no other route exists', () => {
    expect(model.api.routes).toHaveLength(Object.keys(steps.routes).length);
  });

  test.each(Object.values(steps.routes))('%s answers before API Gateway gives up', (name) => {
    expect(step(name).timeoutSeconds).toBeLessThan(30);
  });

  test('run on the same runtime, each in a role of its own', () => {
    const roles = stack
      .resourcesOf('AWS::Lambda::Function')
      .filter(([id]) => nameById(id) !== undefined)
      .map(([, { Properties }]) => ({ role: JSON.stringify(Properties.Role), runtime: Properties.Runtime }));
    expect(new Set(roles.map(({ role }) => role)).size).toBe(allSteps.length);
    expect(new Set(roles.map(({ runtime }) => runtime))).toEqual(new Set(['nodejs24.x']));
  });
});

describe('queues', () => {
  test.each(steps.queues)('one feeds %s, whose failed messages come again one by one', (name) => {
    const { source, queue } = queueFeeding(name);
    expect(source.reportBatchItemFailures).toBe(true);
    expect(queue.visibilityTimeoutSeconds).toBe(6 * step(name).timeoutSeconds);
  });

  test.each(steps.queues)('what %s cannot do is kept 14 days in a dead-letter queue', (name) => {
    const { redrive } = queueFeeding(name).queue;
    const deadLetters = model.queues.find(({ arn }) => arn === redrive?.deadLetterArn);
    expect(redrive?.maxReceiveCount).toBeGreaterThanOrEqual(3);
    expect(deadLetters?.retentionSeconds).toBe(14 * 86_400);
    expect(model.eventSources.map(({ queueArn }) => queueArn)).not.toContain(deadLetters?.arn);
  });

  test('only steps of the design are fed by queues', () => {
    expect(model.eventSources.map(({ functionId }) => nameById(functionId)).sort()).toEqual(
      [...steps.queues].sort(),
    );
  });

  test.each(steps.queues)('%s works on a bounded number of batches at once', (name) => {
    expect(queueFeeding(name).source.maxConcurrency).toBe(10);
  });

  test.each(steps.queues)('%s knows its queue, and may say when a message comes again', (name) => {
    const { queue } = queueFeeding(name);
    expect(step(name).environment.QUEUE_URL).toBe(queue.url);
    expect(rights(step(name))).toContain(`sqs:ChangeMessageVisibility ${queue.arn}`);
  });

  test('a message outlives five wake-ups of the database', () => {
    for (const name of steps.queues)
      expect(queueFeeding(name).queue.redrive?.maxReceiveCount).toBeGreaterThan(5 + 3);
  });

  test('a photo is read in a batch of its own, so that it keeps no other waiting', () => {
    expect(queueFeeding('upload/record-upload').source.batchSize).toBe(1);
    expect(step('upload/record-upload')).toMatchObject({ memoryMb: 1024, timeoutSeconds: 60 });
  });

  test('submissions to the provider are limited, one a time each', () => {
    expect(queueFeeding('restoration/submit-job').source).toMatchObject({ batchSize: 1, maxConcurrency: 10 });
  });
});

describe('storage events', () => {
  const temp = model.buckets.find(
    ({ name }) => name === step('upload/create-session').environment.TEMP_BUCKET,
  );
  const queuesTold = (event: string) =>
    temp?.notifications.filter(({ events }) => events.includes(event)).map(({ queueArn }) => queueArn);

  test.each(['s3:ObjectCreated:Post', 's3:ObjectCreated:Put'])('%s reaches record-upload', (event) => {
    expect(queuesTold(event)).toEqual([queueFeeding('upload/record-upload').queue.arn]);
  });

  test('an expiry reaches expire-uploads', () => {
    expect(queuesTold('s3:LifecycleExpiration:Delete')).toEqual([
      queueFeeding('upload/expire-uploads').queue.arn,
    ]);
  });

  test('only the temp bucket announces anything, and only below uploads/temp/', () => {
    const announcing = model.buckets.filter(({ notifications }) => notifications.length > 0);
    expect(announcing).toEqual([temp]);
    expect(new Set(temp?.notifications.map(({ prefix }) => prefix))).toEqual(new Set(['uploads/temp/']));
  });
});

describe('sending', () => {
  /** Who sends to the queue that feeds it. */
  const senders: Record<string, string[]> = {
    'payment/place-order': ['payment/receive-stripe-event', 'payment/sweep-payments', 'order/claim-order'],
    'payment/settle-payment': ['payment/receive-stripe-event', 'payment/sweep-payments'],
    'payment/keep-original': ['payment/place-order', 'payment/settle-payment', 'operations/reconcile'],
    'restoration/submit-job': [
      'payment/keep-original',
      'restoration/fail-attempt',
      // Of a job that waits for the provider.
      'restoration/submit-job',
      'operations/reconcile',
    ],
    'restoration/fail-attempt': ['restoration/submit-job'],
    'restoration/complete-order': [
      'payment/keep-original',
      'payment/settle-payment',
      'restoration/store-restored',
      'restoration/fail-attempt',
      'operations/reconcile',
    ],
    'email/send-email': [
      'payment/settle-payment',
      'payment/place-order',
      'restoration/complete-order',
      'email/send-email',
      // Of an email that a recipient's server has blocked for now.
      'email/receive-sendgrid-events',
      'order/share-order',
      'operations/reconcile',
    ],
    'download/build-archive': ['email/send-email', 'download/create-link', 'download/open-link'],
    'upload/record-upload': [],
    'upload/expire-uploads': [],
  };

  test.each(Object.entries(senders))('to %s is for %j, who know its address', (name, allowed) => {
    const { arn, url } = queueFeeding(name).queue;
    const may = model.functions.filter((each) => rights(each).includes(`sqs:SendMessage ${arn}`));
    const know = model.functions.filter(({ environment: { QUEUE_URL: _own, ...told } }) =>
      Object.values(told).includes(url),
    );
    expect(may.map(nameOf).sort()).toEqual([...allowed].sort());
    expect(know).toEqual(may);
  });

  test('an address is told under the name of the step it feeds', () => {
    const { environment } = step('email/send-email');
    expect(environment.SEND_EMAIL_QUEUE_URL).toBe(queueFeeding('email/send-email').queue.url);
    expect(environment.BUILD_ARCHIVE_QUEUE_URL).toBe(queueFeeding('download/build-archive').queue.url);
  });
});

describe('the poller', () => {
  const [poller] = model.stateMachines;

  test('is started by submit-job and nobody else', () => {
    const starters = model.functions.filter((each) =>
      rights(each).includes(`states:StartExecution ${poller?.arn}`),
    );
    expect(starters.map(nameOf)).toEqual(['restoration/submit-job']);
    expect(step('restoration/submit-job').environment.POLLER_ARN).toBe(poller?.arn);
  });

  test('may look, store, and hand a failed attempt on', () => {
    const granted = poller ? rights(poller).filter((right) => !right.startsWith('xray:')) : [];
    expect(granted).toEqual([
      `lambda:InvokeFunction ${step('restoration/check-prediction').arn}`,
      `lambda:InvokeFunction ${step('restoration/store-restored').arn}`,
      `sqs:SendMessage ${queueFeeding('restoration/fail-attempt').queue.arn}`,
    ]);
  });

  test('one that crashed, timed out or was stopped reaches fail-attempt', () => {
    const rule = model.rules.find(({ pattern }) => pattern !== undefined);
    expect(rule?.pattern).toMatchObject({
      source: ['aws.states'],
      detail: { status: ['FAILED', 'TIMED_OUT', 'ABORTED'], stateMachineArn: [poller?.arn] },
    });
    expect(rule?.targets).toEqual([{ arn: queueFeeding('restoration/fail-attempt').queue.arn }]);
  });
});

test('the migration runs on every deployment, before other steps change', () => {
  expect(model.onDeploy.map(nameById)).toEqual(['operations/migrate']);
  const [trigger] = stack.resourcesOf('Custom::Trigger');
  const waiting = stack
    .resourcesOf('AWS::Lambda::Function')
    .filter(([id]) => nameById(id) && nameById(id) !== 'operations/migrate')
    .filter(([, resource]) => !JSON.stringify(resource).includes(trigger?.[0] ?? 'no trigger'));
  expect(waiting.map(([id]) => nameById(id))).toEqual([]);
});

test('reconcile runs daily, and hourly only what cannot ask the database, which can sleep', () => {
  const scheduled = model.rules.filter(({ schedule }) => schedule !== undefined);
  expect(new Map(scheduled.map(({ schedule, targets }) => [schedule, targets]))).toEqual(
    new Map([
      ['rate(1 day)', [{ arn: step('operations/reconcile').arn }]],
      ['rate(1 hour)', [{ arn: step('payment/sweep-payments').arn }]],
    ]),
  );
  expect(rights(step('payment/sweep-payments')).filter((right) => right.startsWith('rds-data:'))).toEqual([]);
});
