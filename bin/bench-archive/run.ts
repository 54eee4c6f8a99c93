/** One measured run in a process of its own: tells its parent how long it took and what it held. */
import { Readable } from 'node:stream';
import { Upload } from '@aws-sdk/lib-storage';
import { type ArchivedPhoto, buildArchive } from '../../lambdas/download/build-archive/build.ts';
import { objectBytes, s3 } from '../../lambdas/platform/objects.ts';

export type Run = { how: 'copy' | 'archive'; photos: ArchivedPhoto[] };
export type RunResult = { seconds: number; peakMegabytes: number };

/** The photos' bytes and nothing else, one after the other, in as many parts as an archive's. */
async function copy(photos: ArchivedPhoto[]): Promise<void> {
  async function* all() {
    for (const { storageBucket, storagePath } of photos) yield* await objectBytes(storageBucket, storagePath);
  }
  const Body = Readable.from(all(), { objectMode: false });
  const params = { Bucket: 'bench', Key: 'copy', Body };
  await new Upload({ client: s3, partSize: 8 * 1024 ** 2, queueSize: 4, params }).done();
}

process.once('message', async (message) => {
  const { how, photos } = message as Run;
  const began = performance.now();
  await (how === 'copy' ? copy(photos) : buildArchive(photos, 'bench', 'archive.zip'));
  const result: RunResult = {
    seconds: (performance.now() - began) / 1000,
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  };
  process.send?.(result, () => process.disconnect());
});
