/** Deliveries to targets: stored until the target takes them, tried again ever more seldom. */
import { randomUUID } from 'node:crypto';
import type { Activity, Clock, Timer } from '../clock/index.ts';
import type { Store } from '../store/index.ts';

export type Deliveries = {
  /** Resolves once the delivery is in the store; it then begins. */
  add(targetArn: string, payload: unknown): Promise<void>;
  /** Begins what the last run left. */
  resume(): void;
  stop(): void;
};

/** Times in ms since 1970. */
type Delivery = { target: string; payload: unknown; attempts: number; since: number };

/** EventBridge's default retry policy. */
const patience = { ms: 86_400_000, attempts: 185 };
const backoff = { firstMs: 1000, mostMs: 600_000 };

type Options = {
  store: Store;
  clock: Clock;
  activity: Activity;
  random?: () => number;
  deliver(targetArn: string, payload: unknown): Promise<void>;
  log?: (message: string) => void;
};

export async function createDeliveries(options: Options): Promise<Deliveries> {
  const { store, clock, activity, random = Math.random, deliver, log = () => {} } = options;
  const deliveries = await store.collection<Delivery>('event-bridge-deliveries');
  const timers = new Set<Timer>();
  let stopped = false;

  function begin(id: string): void {
    const failed = (error: unknown) => log(`EventBridge lost its store: ${error}`);
    void activity.during(() => attempt(id)).catch(failed);
  }
  async function attempt(id: string): Promise<void> {
    const delivery = deliveries.get(id);
    if (!delivery || stopped) return;
    try {
      await deliver(delivery.target, delivery.payload);
    } catch (error) {
      return await postpone(id, { ...delivery, attempts: delivery.attempts + 1 }, error);
    }
    await deliveries.delete(id);
  }
  async function postpone(id: string, delivery: Delivery, error: unknown): Promise<void> {
    const { target, attempts, since } = delivery;
    if (attempts > patience.attempts || clock.now() - since >= patience.ms) {
      log(`EventBridge gave up on an event for ${target}: ${error}`);
      return await deliveries.delete(id);
    }
    await deliveries.put(id, delivery);
    if (stopped) return;
    const timer = clock.after(delayOf(attempts, random), () => {
      timers.delete(timer);
      begin(id);
    });
    timers.add(timer);
  }
  return {
    async add(target, payload) {
      const id = randomUUID();
      await deliveries.put(id, { target, payload, attempts: 0, since: Math.floor(clock.now()) });
      begin(id);
    },
    resume() {
      for (const [id] of deliveries.entries()) begin(id);
    },
    stop() {
      stopped = true;
      for (const timer of timers) timer.cancel();
    },
  };
}

/** Ever longer, and by chance shorter by up to a half; in ms. */
function delayOf(attempts: number, random: () => number): number {
  return Math.min(backoff.firstMs * 2 ** (attempts - 1), backoff.mostMs) * (0.5 + random() / 2);
}
