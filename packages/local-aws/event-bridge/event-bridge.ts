/** EventBridge: the default bus with the stack's rules, and its schedules. */
import { type Activity, type Clock, createActivity, type Timer } from '../clock/index.ts';
import { type AwsService, notImplemented } from '../gateway/index.ts';
import type { Collection, Store } from '../store/index.ts';
import type { RuleModel } from '../template/index.ts';
import { createDeliveries } from './deliveries.ts';
import { type EventBridgeEvent, eventAbout } from './event.ts';
import { readPattern } from './pattern.ts';
import { readSchedule, type Schedule } from './schedule.ts';

export type EventBridge = {
  service: AwsService;
  /** Puts an event on the bus; resolves once its deliveries are in the store. */
  emit(event: EventBridgeEvent): Promise<void>;
  /** Starts the schedules and what the last run left; call it once the targets are up. */
  resume(): Promise<void>;
  /** Resolves once nothing is being delivered; what waits on the clock does not count. */
  idle(): Promise<void>;
  /** Stops schedules and deliveries, which stay in the store. */
  stop(): void;
};

type Options = {
  rules: RuleModel[];
  clock: Clock;
  store: Store;
  /** Hands a payload to a target; a rejection brings it back later. */
  deliver(targetArn: string, payload: unknown): Promise<void>;
  /** In [0, 1); for the jitter of the backoff. */
  random?: () => number;
  log?: (message: string) => void;
};

/** Refuses, by throwing, a rule whose pattern or schedule it does not implement. */
export async function createEventBridge(options: Options): Promise<EventBridge> {
  const { rules, store } = options;
  const activity = createActivity();
  const deliveries = await createDeliveries({ ...options, activity });
  const patterns = rules.flatMap((rule) =>
    rule.pattern === undefined ? [] : [{ rule, matches: readPattern(rule.name, rule.pattern) }],
  );
  async function trigger({ targets }: RuleModel, event: EventBridgeEvent): Promise<void> {
    for (const { arn, input } of targets) await deliveries.add(arn, input ?? event);
  }
  const lastRuns = await store.collection<number>('event-bridge-last-runs');
  const schedules = createSchedules(options, lastRuns, activity, trigger);
  return {
    async service(call) {
      throw notImplemented('EventBridge', call.operation);
    },
    async emit(event) {
      for (const { rule, matches } of patterns) if (matches(event)) await trigger(rule, event);
    },
    async resume() {
      deliveries.resume();
      await schedules.resume();
    },
    idle: activity.idle,
    stop() {
      deliveries.stop();
      schedules.stop();
    },
  };
}

/** @param lastRuns when each rule ran last, by its name; ms since 1970 */
function createSchedules(
  { rules, clock, log = () => {} }: Options,
  lastRuns: Collection<number>,
  activity: Activity,
  trigger: (rule: RuleModel, event: EventBridgeEvent) => Promise<void>,
) {
  const timers = new Map<string, Timer>();
  const scheduled = rules.flatMap((rule) =>
    rule.schedule === undefined ? [] : [{ rule, schedule: readSchedule(rule.name, rule.schedule) }],
  );
  /** Runs the rule at `due`, and then whenever its schedule says. */
  function arm(rule: RuleModel, schedule: Schedule, due: number): void {
    async function run() {
      await trigger(rule, scheduledEvent(rule, due));
      await lastRuns.put(rule.name, due);
    }
    const timer = clock.after(due - clock.now(), () => {
      arm(rule, schedule, schedule.next(due));
      void activity.during(run).catch((error: unknown) => log(`The rule ${rule.name} did not run: ${error}`));
    });
    timers.set(rule.name, timer);
  }
  return {
    async resume() {
      const now = Math.floor(clock.now());
      for (const { rule, schedule } of scheduled) {
        const last = lastRuns.get(rule.name);
        if (last === undefined) await lastRuns.put(rule.name, now);
        // What fell due while the system was down is made up for, once.
        arm(rule, schedule, Math.max(schedule.next(last ?? now), now));
      }
    },
    stop() {
      for (const timer of timers.values()) timer.cancel();
    },
  };
}

function scheduledEvent({ name, targets }: RuleModel, at: number): EventBridgeEvent {
  const [, , , region = '', account = ''] = targets[0]?.arn.split(':') ?? [];
  const about = `arn:aws:events:${region}:${account}:rule/${name}`;
  return eventAbout(about, { source: 'aws.events', type: 'Scheduled Event', detail: {}, at });
}
