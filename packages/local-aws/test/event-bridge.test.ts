/**
 * EventBridge hands each event to the targets of the rules that match it, and runs schedules by the
 * clock.
 */
import { EventEmitter, once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createClock } from '../clock/index.ts';
import { createEventBridge, type EventBridgeEvent, eventAbout } from '../event-bridge/index.ts';
import { createStore, type Store } from '../store/index.ts';
import type { RuleModel } from '../template/index.ts';

const start = Date.parse('2026-11-22T12:00:00Z');
const target = 'arn:aws:sqs:us-east-1:000000000000:fail-attempt';
const rule = (more: Partial<RuleModel>): RuleModel => ({
  logicalId: 'Rule',
  name: 'rule',
  targets: [{ arn: target }],
  ...more,
});
const ended = (detail: unknown): EventBridgeEvent =>
  eventAbout('arn:aws:states:us-east-1:000000000000:execution:poller:job-1', {
    source: 'aws.states',
    type: 'Step Functions Execution Status Change',
    detail,
    at: start,
  });

const running = new Set<() => void>();
afterEach(() => {
  for (const stop of running) stop();
  running.clear();
});

async function startBus(
  rules: RuleModel[],
  { store = createStore(), at = start, failures = 0 }: { store?: Store; at?: number; failures?: number } = {},
) {
  const clock = createClock({ speed: 0, start: at });
  const tries: number[] = [];
  const delivered: { target: string; payload: unknown; hours: number }[] = [];
  const logged: string[] = [];
  const bus = await createEventBridge({
    rules,
    clock,
    store,
    random: () => 1,
    log: (line) => logged.push(line),
    async deliver(arn, payload) {
      tries.push((clock.now() - start) / 1000);
      if (tries.length <= failures) throw new Error('the target is down');
      delivered.push({ target: arn, payload, hours: (clock.now() - start) / 3_600_000 });
    },
  });
  running.add(() => {
    bus.stop();
    clock.stop();
  });
  await bus.resume();
  return {
    ...bus,
    clock,
    tries,
    delivered,
    logged,
    async pass(seconds: number) {
      clock.advance(seconds * 1000);
      await bus.idle();
    },
  };
}

describe('an event', () => {
  test('goes to every target of every rule that matches it, whole or as the input says', async () => {
    const bus = await startBus([
      rule({
        name: 'bad-ends',
        pattern: { source: ['aws.states'] },
        targets: [{ arn: target }, { arn: 'b', input: { reason: 'poller' } }],
      }),
      rule({ name: 'others', pattern: { source: ['aws.s3'] }, targets: [{ arn: 'c' }] }),
    ]);
    const event = ended({ status: 'FAILED' });
    await bus.emit(event);
    await bus.idle();
    expect(bus.delivered).toMatchObject([
      { target, payload: event },
      { target: 'b', payload: { reason: 'poller' } },
    ]);
  });

  test.each<[string, unknown, unknown, boolean]>([
    ['an exact value', { status: ['FAILED', 'ABORTED'] }, { status: 'ABORTED' }, true],
    ['no other value', { status: ['FAILED', 'ABORTED'] }, { status: 'SUCCEEDED' }, false],
    ['no missing value', { status: ['FAILED'] }, {}, false],
    ['a number or null', { size: [5], output: [null] }, { size: 5, output: null }, true],
    ['no number for a string', { size: ['5'] }, { size: 5 }, false],
    ['one item of an array', { tags: ['paid'] }, { tags: ['new', 'paid'] }, true],
    ['all members named', { a: ['1'], b: ['2'] }, { a: '1', b: '3' }, false],
    ['nested members', { object: { key: ['x'] } }, { object: { key: 'x' } }, true],
    ['no empty array', { tags: ['paid', null] }, { tags: [] }, false],
    ['members of an item of an array', { list: { a: ['1'] } }, { list: [{ a: '0' }, { a: '1' }] }, true],
    ['not members of two items', { list: { a: ['1'], b: ['2'] } }, { list: [{ a: '1' }, { b: '2' }] }, false],
    ['a path in the pattern', { 'object.key': ['x'] }, { object: { key: 'x' } }, true],
    ['a path in the event', { object: { key: ['x'] } }, { 'object.key': 'x' }, true],
    ['nothing inherited', { constructor: { name: ['Object'] } }, {}, false],
  ])('is matched by %s', async (_, pattern, detail, matches) => {
    const bus = await startBus([rule({ pattern: { detail: pattern } })]);
    await bus.emit(ended(detail));
    await bus.idle();
    expect(bus.delivered).toHaveLength(matches ? 1 : 0);
  });

  test('comes again with growing delays until its target takes it', async () => {
    const bus = await startBus([rule({ pattern: { source: ['aws.states'] } })], { failures: 3 });
    await bus.emit(ended({}));
    await bus.idle();
    for (let seconds = 0; seconds < 20; seconds += 1) await bus.pass(1);
    expect(bus.tries).toEqual([0, 1, 3, 7]);
    expect(bus.delivered).toHaveLength(1);
  });

  test('is given up after a day, and that is logged', async () => {
    const bus = await startBus([rule({ pattern: { source: ['aws.states'] } })], { failures: 1000 });
    await bus.emit(ended({}));
    await bus.idle();
    for (let minutes = 0; minutes < 25 * 60; minutes += 10) await bus.pass(600);
    expect(bus.logged).toEqual([`EventBridge gave up on an event for ${target}: Error: the target is down`]);
    expect(bus.tries.at(-1)).toBeGreaterThanOrEqual(86_400);
  });

  test('that a restart found undelivered is delivered after it', async () => {
    const store = createStore();
    const first = await startBus([rule({ pattern: { source: ['aws.states'] } })], { store, failures: 1 });
    await first.emit(ended({ status: 'FAILED' }));
    await first.idle();
    first.stop();
    const second = await startBus([rule({ pattern: { source: ['aws.states'] } })], { store });
    await second.idle();
    expect(second.delivered).toMatchObject([{ payload: { detail: { status: 'FAILED' } } }]);
    const third = await startBus([rule({ pattern: { source: ['aws.states'] } })], { store });
    await third.idle();
    expect(third.delivered).toEqual([]);
  });
});

describe('a schedule', () => {
  const hourly = rule({ name: 'reconcile', schedule: 'rate(1 hour)' });
  const hoursOf = ({ delivered }: { delivered: { hours: number }[] }) => delivered.map(({ hours }) => hours);

  test('runs first when its period has passed, then every period', async () => {
    const bus = await startBus([hourly]);
    await bus.pass(3599);
    expect(bus.delivered).toEqual([]);
    await bus.pass(1);
    await bus.pass(3600);
    expect(hoursOf(bus)).toEqual([1, 2]);
    expect(bus.delivered[0]?.payload).toEqual({
      version: '0',
      id: expect.any(String),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: '000000000000',
      time: '2026-11-22T13:00:00Z',
      region: 'us-east-1',
      resources: ['arn:aws:events:us-east-1:000000000000:rule/reconcile'],
      detail: {},
    });
  });

  test('runs as often as it was due when the clock is moved far', async () => {
    const bus = await startBus([hourly]);
    await bus.pass(3 * 3600);
    expect(bus.delivered).toHaveLength(3);
  });

  test('does not run early after a restart', async () => {
    const store = createStore();
    const first = await startBus([hourly], { store });
    await first.pass(3600 + 1800);
    first.stop();
    const second = await startBus([hourly], { store, at: first.clock.now() });
    await second.pass(1799);
    expect(second.delivered).toEqual([]);
    await second.pass(1);
    expect(hoursOf(second)).toEqual([2]);
  });

  test('that fell due while the system was down runs once after it', async () => {
    const store = createStore();
    const first = await startBus([hourly], { store });
    first.stop();
    const ran = new EventEmitter();
    const clock = createClock({ speed: 0, start: start + 5 * 3_600_000 });
    let runs = 0;
    const bus = await createEventBridge({
      rules: [hourly],
      clock,
      store,
      async deliver() {
        runs += 1;
        ran.emit('run');
      },
    });
    running.add(() => {
      bus.stop();
      clock.stop();
    });
    const run = once(ran, 'run');
    await bus.resume();
    await run;
    await bus.idle();
    clock.advance(3_599_000);
    await bus.idle();
    expect(runs).toBe(1);
  });

  test.each([
    ['rate(15 minutes)', ['12:15', '12:30']],
    ['rate(1 day)', ['12:00', '12:00']],
  ])('%s runs at %j', async (schedule, times) => {
    const bus = await startBus([rule({ schedule })]);
    while (bus.delivered.length < 2) await bus.pass(300);
    const ran = hoursOf(bus).map((hours) => new Date(start + hours * 3_600_000).toISOString().slice(11, 16));
    expect(ran).toEqual(times);
  });
});

describe('a rule is refused when', () => {
  test.each([
    ['its pattern needs what is not implemented', { pattern: { detail: { size: [{ numeric: ['>', 5] }] } } }],
    ['its pattern has a value outside a list', { pattern: { source: 'aws.states' } }],
    ['its schedule cannot be read', { schedule: 'rate(soon)' }],
    ['its schedule is a cron', { schedule: 'cron(0 3 * * ? *)' }],
    ['its pattern has an empty list', { pattern: { source: [] } }],
    ['its pattern has an empty object', { pattern: { detail: {} } }],
    ['its pattern has an operator', { pattern: { source: [{ prefix: '' }] } }],
  ])('%s', async (_, more) => {
    await expect(startBus([rule({ name: 'odd', ...more })])).rejects.toThrow(
      /^Rule odd: the local EventBridge does not implement/,
    );
  });
});
