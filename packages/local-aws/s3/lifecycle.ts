/** Expires objects and unfinished uploads by the buckets' lifecycle rules. */
import type { Timer } from '../clock/index.ts';
import type { LifecycleRule } from '../template/index.ts';
import type { ObjectRecord, S3, UploadRecord } from './catalogue.ts';
import { removeObject } from './deposit.ts';
import { discardUpload } from './multipart.ts';

const dayMs = 86_400_000;

/** What a run of the rules removed: objects by `bucket/key`, uploads by id. */
export type LifecycleRun = { expired: string[]; aborted: string[] };

/** S3 rounds up to the next midnight UTC. */
const due = (since: number, days: number) => Math.ceil((since + days * dayMs) / dayMs) * dayMs;

function expires(rule: LifecycleRule, { key, tags, modified }: ObjectRecord, now: number): boolean {
  return (
    rule.expirationDays !== undefined &&
    key.startsWith(rule.prefix) &&
    Object.entries(rule.tags).every(([name, value]) => tags[name] === value) &&
    due(modified, rule.expirationDays) <= now
  );
}

function aborts(rule: LifecycleRule, { key, initiated }: UploadRecord, now: number): boolean {
  return (
    rule.abortIncompleteMultipartDays !== undefined &&
    key.startsWith(rule.prefix) &&
    due(initiated, rule.abortIncompleteMultipartDays) <= now
  );
}

/** Applies every rule as of now, by the clock. */
async function applyRules(s3: S3): Promise<LifecycleRun> {
  const now = s3.clock.now();
  const rulesOf = (bucket: string) => s3.buckets.get(bucket)?.lifecycle ?? [];
  const run: LifecycleRun = { expired: [], aborted: [] };
  for (const [name, record] of s3.objects.entries()) {
    if (!rulesOf(record.bucket).some((rule) => expires(rule, record, now))) continue;
    if (await removeObject(s3, record, 'LifecycleExpiration:Delete')) run.expired.push(name);
  }
  for (const [id, upload] of s3.uploads.entries()) {
    if (!rulesOf(upload.bucket).some((rule) => aborts(rule, upload, now))) continue;
    await discardUpload(s3, id);
    run.aborted.push(id);
  }
  return run;
}

export type Lifecycle = {
  /** Applies the rules now, or as soon as a run under way has ended. */
  run(): Promise<LifecycleRun>;
  /** Ends the daily runs; resolves when none is under way. */
  stop(): Promise<void>;
};

/** Applies the rules at every midnight UTC of the clock, and when asked. */
export function startLifecycle(s3: S3): Lifecycle {
  const { clock } = s3;
  let last: Promise<unknown> = Promise.resolve();
  let timer = schedule();

  function run(): Promise<LifecycleRun> {
    const next = last.then(() => applyRules(s3));
    // Whoever asked hears of a failure; the next run takes up what this one left.
    last = next.catch(() => {});
    return next;
  }
  function schedule(): Timer {
    return clock.after(dayMs - (clock.now() % dayMs), () => {
      timer = schedule();
      run().catch(() => {});
    });
  }
  return {
    run,
    async stop() {
      timer.cancel();
      await last;
    },
  };
}
