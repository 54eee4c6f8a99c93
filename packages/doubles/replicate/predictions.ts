/**
 * The life of predictions: started, restored, ended, forgotten after an hour; by the local clock.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Clock, Collection, Timer } from '@restoreclick/local-aws';
import { errorOf } from './faults.ts';
import type { ModelInput } from './models.ts';
import { hasEnded, type Prediction, type Status, type WebhookEvent } from './prediction.ts';
import { restorePhoto } from './restore-photo.ts';

const hour = 3_600_000;
const longestRunMs = hour / 2;
const largestInput = 100 * 1024 * 1024;

export type NewPrediction = {
  model: string;
  version: string;
  input: ModelInput;
  webhook?: string;
  webhookEvents: WebhookEvent[];
  /** Stopped after this long, from its creation. */
  cancelAfterMs?: number;
  /** What is to go wrong with it. */
  fault?: string;
};

export type Predictions = {
  /** Goes on with what an earlier process left unfinished. */
  resume(): void;
  create(wanted: NewPrediction): Promise<Prediction>;
  get(id: string): Prediction | undefined;
  newestFirst(): Prediction[];
  /** Does nothing to one that has ended. */
  cancel(id: string): Promise<Prediction | undefined>;
  /** The bytes that went in or came out; undefined once forgotten. */
  file(id: string, name: string): Promise<Buffer | undefined>;
  /** Stops all work; what was running is started again by the next process. */
  close(): Promise<void>;
};

type Options = {
  kept: Collection<Prediction>;
  folder: string;
  clock: Clock;
  /** How long a prediction takes at least. */
  seconds: number;
  log: (line: string) => void;
  announce: (prediction: Prediction, event: WebhookEvent) => void;
};

export function createPredictions(options: Options): Predictions {
  const { kept, clock } = options;
  const desk = openDesk(options);
  return {
    resume() {
      for (const [, prediction] of kept.entries()) {
        const ended = prediction.completedAt;
        if (!ended) begin(desk, Object.assign(prediction, { status: 'starting', startedAt: null }));
        else if (!prediction.dataRemoved) desk.at(Date.parse(ended) + hour, () => forget(desk, prediction));
      }
    },
    async create({ cancelAfterMs = longestRunMs, ...wanted }) {
      const prediction: Prediction = {
        ...wanted,
        id: randomUUID().replaceAll('-', '').slice(0, 26),
        status: 'starting',
        error: null,
        logs: '',
        outputFile: null,
        dataRemoved: false,
        createdAt: desk.now(),
        startedAt: null,
        completedAt: null,
        deadline: new Date(clock.now() + Math.min(cancelAfterMs, longestRunMs)).toISOString(),
      };
      await desk.save(prediction);
      // It was listed meanwhile, and may have been canceled.
      if (!hasEnded(prediction)) begin(desk, prediction);
      return prediction;
    },
    get: (id) => kept.get(id),
    newestFirst: () =>
      kept
        .entries()
        .map(([, prediction]) => prediction)
        .reverse(),
    async cancel(id) {
      const prediction = kept.get(id);
      if (prediction) await end(desk, prediction, 'canceled');
      return prediction;
    },
    file: (id, name) => readFile(desk.path(id, name)).catch(() => undefined),
    close: desk.close,
  };
}

/** What the work on predictions shares. */
function openDesk(options: Options) {
  const { kept, folder, clock, log } = options;
  const running = new Map<string, { stop: AbortController; done: Promise<void> }>();
  const timers = new Set<Timer>();
  return {
    ...options,
    running,
    atOnce: createTurns(Math.max(1, availableParallelism() - 1)),
    now: () => new Date(clock.now()).toISOString(),
    path: (id: string, name = '') => join(folder, id, name),
    save: (prediction: Prediction) => kept.put(prediction.id, prediction),
    at(time: number, action: () => Promise<void>) {
      const timer = clock.after(Math.max(0, time - clock.now()), () => {
        timers.delete(timer);
        action().catch((error: Error) => log(`Replicate: ${error.message}`));
      });
      timers.add(timer);
    },
    async close() {
      for (const timer of timers) timer.cancel();
      for (const { stop } of running.values()) stop.abort();
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}
type Desk = ReturnType<typeof openDesk>;

function begin(desk: Desk, prediction: Prediction) {
  const stop = new AbortController();
  const fail = (error: Error) =>
    stop.signal.aborted ? undefined : end(desk, prediction, 'failed', error.message);
  const done = work(desk, prediction, stop.signal)
    .catch(fail)
    .finally(() => desk.running.delete(prediction.id));
  desk.running.set(prediction.id, { stop, done });
  desk.at(Date.parse(prediction.deadline), () =>
    end(desk, prediction, prediction.status === 'starting' ? 'aborted' : 'canceled'),
  );
}

async function work(desk: Desk, prediction: Prediction, signal: AbortSignal) {
  const { clock, seconds, announce } = desk;
  await clock.sleep(seconds * 200, signal);
  if (signal.aborted) return;
  Object.assign(prediction, { status: 'processing', startedAt: desk.now() });
  await desk.save(prediction);
  if (signal.aborted) return;
  announce(prediction, 'start');
  if (prediction.fault === 'hang') return;
  const ordered = errorOf(prediction.fault, prediction.id);
  const [output] = await Promise.all([
    ordered ? undefined : restore(desk, prediction, signal),
    clock.sleep(seconds * 800, signal),
  ]);
  if (signal.aborted) return;
  if (!output) return end(desk, prediction, 'failed', ordered);
  const name = `out.${formatOf(prediction)}`;
  await writeFile(desk.path(prediction.id, name), output);
  if (signal.aborted) return;
  prediction.outputFile = name;
  prediction.logs = `Restored ${output.length} bytes.`;
  announce(prediction, 'output');
  await end(desk, prediction, 'succeeded');
}

const formatOf = ({ input }: Prediction) => (input.output_format === 'jpg' ? 'jpg' : 'png');

async function restore(desk: Desk, prediction: Prediction, signal: AbortSignal): Promise<Buffer> {
  const input = await download(String(prediction.input.input_image), signal);
  await mkdir(desk.path(prediction.id), { recursive: true });
  await writeFile(desk.path(prediction.id, 'input'), input);
  return desk.atOnce(() => restorePhoto(input, formatOf(prediction)));
}

async function end(desk: Desk, prediction: Prediction, status: Status, error: string | null = null) {
  if (hasEnded(prediction)) return;
  Object.assign(prediction, { status, error, completedAt: desk.now() });
  desk.running.get(prediction.id)?.stop.abort();
  desk.at(desk.clock.now() + hour, () => forget(desk, prediction));
  await desk.save(prediction);
  desk.announce(prediction, 'completed');
}

async function forget(desk: Desk, prediction: Prediction) {
  Object.assign(prediction, { input: {}, logs: '', outputFile: null, dataRemoved: true });
  await desk.save(prediction);
  await rm(desk.path(prediction.id), { recursive: true, force: true });
}

async function download(url: string, signal: AbortSignal): Promise<Buffer> {
  const answer = await fetch(url, { signal }).catch(() => undefined);
  if (!answer?.ok)
    throw new Error(`Failed to download input_image: ${answer ? `HTTP ${answer.status}` : 'no answer'}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (bytes.length > largestInput) throw new Error('input_image is too large');
  return bytes;
}

/** Lets so many run at once, the others wait: a restoration keeps a processor busy. */
function createTurns(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((turn) => waiting.push(turn));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
