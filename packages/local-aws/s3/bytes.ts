/** Where the bytes of objects and parts lie: one file each, with a random name, never changed. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Algorithm, createMeter, type Measure, type Meter } from './digest.ts';
import { tooLarge } from './errors.ts';

export type Received = Measure & { file: string };

export type Range = { start: number; end: number };

export type Bytes = {
  /**
   * Writes what `source` yields to a new file and measures it. Nothing is left if the source breaks
   * off, exceeds `maxSize` or `verify` throws.
   */
  receive(source: AsyncIterable<Buffer>, expected?: Expected): Promise<Received>;
  /** The bytes of a file, or of a range with both ends. Rejects with ENOENT if it is gone. */
  read(file: string, range?: Range): Promise<Readable>;
  remove(file: string): Promise<void>;
  /** Removes what a killed process left: unfinished files, and those not in `kept`. */
  sweep(kept: ReadonlySet<string>): Promise<void>;
};

export type Expected = {
  algorithms?: Iterable<Algorithm>;
  maxSize?: number;
  verify?: (measure: Measure) => void;
};

/** What one PUT, POST or part may hold at most. */
const largestPut = 5 * 1024 ** 3;

async function* metered(source: AsyncIterable<Buffer>, meter: Meter, maxSize: number) {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > maxSize) throw tooLarge(size, maxSize);
    meter.add(chunk);
    yield chunk;
  }
}

/** Opens, and makes if need be, the folder of the bytes. */
export async function openBytes(folder: string): Promise<Bytes> {
  const incoming = join(folder, 'incoming');
  const complete = join(folder, 'complete');
  await mkdir(incoming, { recursive: true });
  await mkdir(complete, { recursive: true });

  return {
    async receive(source, { algorithms = [], maxSize = largestPut, verify = () => {} } = {}) {
      const file = randomUUID();
      const unfinished = join(incoming, file);
      const meter = createMeter(algorithms);
      try {
        // Opened first: a pipeline that breaks off does not wait for a file still being opened.
        const handle = await open(unfinished, 'wx');
        await pipeline(metered(source, meter, maxSize), handle.createWriteStream());
        const measure = meter.measure();
        verify(measure);
        await rename(unfinished, join(complete, file));
        return { file, ...measure };
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    },
    async read(file, range) {
      const handle = await open(join(complete, file));
      return handle.createReadStream(range);
    },
    remove: (file) => rm(join(complete, file), { force: true }),
    async sweep(kept) {
      const unfinished = (await readdir(incoming)).map((file) => join(incoming, file));
      const forgotten = (await readdir(complete)).filter((file) => !kept.has(file));
      const files = [...unfinished, ...forgotten.map((file) => join(complete, file))];
      await Promise.all(files.map((file) => rm(file, { force: true })));
    },
  };
}
