/** Sizes and checksums of bytes as they pass. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const algorithms = ['CRC32', 'SHA1', 'SHA256'] as const;
export type Algorithm = (typeof algorithms)[number];

/** Of a run of bytes: its length, its MD5 in hex, and the checksums asked for, in base64. */
export type Measure = { size: number; md5: string; checksums: Partial<Record<Algorithm, string>> };

export type Meter = { add(chunk: Buffer): void; measure(): Measure };

type Digest = { add(chunk: Buffer): void; base64(): string };

function createDigest(algorithm: Algorithm): Digest {
  if (algorithm !== 'CRC32') {
    const hash = createHash(algorithm.toLowerCase());
    return { add: (chunk) => void hash.update(chunk), base64: () => hash.digest('base64') };
  }
  let value = 0;
  return {
    add(chunk) {
      value = crc32(chunk, value);
    },
    base64() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes.toString('base64');
    },
  };
}

/** Measures the size, the MD5 and the `wanted` checksums; `measure` is called once, at the end. */
export function createMeter(wanted: Iterable<Algorithm> = []): Meter {
  const md5 = createHash('md5');
  const digests = [...new Set(wanted)].map((algorithm) => [algorithm, createDigest(algorithm)] as const);
  let size = 0;
  return {
    add(chunk) {
      size += chunk.length;
      md5.update(chunk);
      for (const [, digest] of digests) digest.add(chunk);
    },
    measure: () => ({
      size,
      md5: md5.digest('hex'),
      checksums: Object.fromEntries(digests.map(([algorithm, digest]) => [algorithm, digest.base64()])),
    }),
  };
}
