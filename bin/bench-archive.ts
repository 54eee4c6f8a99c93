/**
 * npm run bench:archive: packs photos S3 to S3, on the local S3, beside plain copying of the same.
 * Both run in processes of their own, whose memory is measured. `-- --photos 100 --megabytes 50`.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  createClock,
  createCredentials,
  createGateway,
  createIam,
  createS3,
  createStore,
  operator,
} from '@restoreclick/local-aws';
import type { ArchivedPhoto } from '../lambdas/download/build-archive/build.ts';
import type { Run, RunResult } from './bench-archive/run.ts';
import { command, readOptions } from './command-line.ts';

const usage =
  'npm run bench:archive takes two options: -- --photos <how many>, a whole number from 2; --megabytes <of each>, one from 1.';
/** As many differ; the others are the same again, which saves room and nothing else. */
const different = 4;
const mostMemory = 256;
const slowest = 0.8;

async function openS3(folder: string) {
  const clock = createClock();
  const credentials = createCredentials({ secret: 'bench', callers: [] });
  const iam = createIam({ policies: new Map(), account: '000000000000' });
  const gateway = await createGateway({ credentials, iam, clock, log: console.error });
  const bucket = { logicalId: 'B', name: 'bench', arn: 'arn:aws:s3:::bench', lifecycle: [], cors: [] };
  const s3 = await createS3({
    buckets: [{ ...bucket, notifications: [] }],
    folder,
    store: createStore(),
    clock,
    credentials,
    authorizeAs: iam.authorize,
    notify: async () => {},
    region: 'us-east-1',
  });
  gateway.serve('s3', s3.service);
  return {
    url: gateway.url,
    async close() {
      await gateway.stop();
      await s3.stop();
      clock.stop();
    },
  };
}

async function putPhotos(client: S3Client, count: number, size: number): Promise<ArchivedPhoto[]> {
  const sums: number[] = [];
  for (let n = 0; n < Math.min(count, different); n++) {
    const bytes = randomBytes(size);
    sums.push(crc32(bytes));
    await client.send(new PutObjectCommand({ Bucket: 'bench', Key: `${n}.png`, Body: bytes }));
  }
  return Array.from({ length: count }, (_, index) => ({
    name: `photo ${index} restored.png`,
    storageBucket: 'bench',
    storagePath: `${index % different}.png`,
    size,
    crc32: sums[index % different] ?? 0,
    restoredAt: '2026-01-01T00:00:00Z',
  }));
}

async function measure(url: string, run: Run): Promise<RunResult> {
  const child = fork(join(import.meta.dirname, 'bench-archive', 'run.ts'), [], {
    execArgv: ['--import', 'tsx'],
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: operator.accessKeyId,
      AWS_SECRET_ACCESS_KEY: operator.secretAccessKey,
    },
  });
  child.send(run);
  const [result] = await once(child, 'message');
  return result as RunResult;
}

const told = (what: string, { seconds, peakMegabytes }: RunResult, megabytes: number) =>
  `${what}: ${seconds.toFixed(1)} s, ${(megabytes / seconds).toFixed(0)} MB/s, at most ${peakMegabytes.toFixed(0)} MB of memory`;

await command(async () => {
  const values = readOptions(
    { photos: { type: 'string', default: '100' }, megabytes: { type: 'string', default: '50' } },
    usage,
  );
  const [count, megabytes] = [Number(values.photos), Number(values.megabytes)];
  if (!(Number.isInteger(count) && count >= 2 && Number.isInteger(megabytes) && megabytes >= 1))
    throw new Error(usage);
  const folder = await mkdtemp(join(tmpdir(), 'bench-archive-'));
  const s3 = await openS3(folder);
  try {
    const client = new S3Client({ endpoint: s3.url, region: 'us-east-1', credentials: operator });
    const photos = await putPhotos(client, count, megabytes * 1_000_000);
    const all = count * megabytes;
    console.log(`${count} photos of ${megabytes} MB`);
    const plain = await measure(s3.url, { how: 'copy', photos });
    console.log(told('plain copying', plain, all));
    const zip = await measure(s3.url, { how: 'archive', photos });
    console.log(told('archive', zip, all));
    const ratio = plain.seconds / zip.seconds;
    const good = ratio >= slowest && zip.peakMegabytes <= mostMemory;
    console.log(
      `${ratio.toFixed(2)} of plain copying, where ${slowest} is asked for; ${mostMemory} MB are allowed.`,
    );
    if (!good) process.exitCode = 1;
    client.destroy();
  } finally {
    await s3.close();
    await rm(folder, { recursive: true });
  }
});
