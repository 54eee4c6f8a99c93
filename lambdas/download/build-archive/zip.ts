/**
 * ZIP archives of stored photos (PKWARE's APPNOTE.TXT 6.3.10, its sections named below). What is
 * known beforehand stands before each photo, where readers of a stream look for it: Java's and
 * Android's refuse a stored entry whose size and sum come after it.
 */
import { crc32 } from 'node:zlib';
import { internalError } from '../../platform/errors.ts';

export type ZipEntry = {
  /** A plain file name, without a folder. */
  name: string;
  /** Bytes. */
  size: number;
  /** CRC-32 of the bytes, as zlib's. */
  crc32: number;
  modified: Date;
};

/** 4.4.1.4: a field that holds this says “see the ZIP64 field”. */
const full16 = 0xffff;
const full32 = 0xffffffff;

/**
 * 4.4.3: 2.0 for files, 4.5 for ZIP64; 4.4.2: made on UNIX (3), so that rights are read as such.
 */
const plainVersion = 20;
const zip64Version = 45;
const madeBy = (3 << 8) | zip64Version;
/** 4.4.4: bit 11, names are UTF-8; bit 3 stays 0, nothing comes after the bytes. */
const flags = 1 << 11;
const stored = 0;
/** -rw-r--r-- of a plain file. */
const rights = 0o100644 * 2 ** 16;

/** Little-endian fields of 2, 4 or 8 bytes. */
function fields(...list: [bytes: 2 | 4 | 8, value: number][]): Buffer {
  const buffer = Buffer.alloc(list.reduce((sum, [bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [bytes, value] of list) {
    if (bytes === 8) buffer.writeBigUInt64LE(BigInt(value), at);
    else buffer.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return buffer;
}

/** 4.5.3: the ZIP64 extended information, empty when nothing needs it. */
const zip64Extra = (values: number[]) =>
  values.length === 0
    ? Buffer.alloc(0)
    : fields([2, 1], [2, 8 * values.length], ...values.map((value): [8, number] => [8, value]));

/** 4.4.6: MS-DOS time and date, of two seconds, in UTC. */
function dosTime(of: Date): [2 | 4, number][] {
  const time = (of.getUTCHours() << 11) | (of.getUTCMinutes() << 5) | (of.getUTCSeconds() >> 1);
  const date = ((of.getUTCFullYear() - 1980) << 9) | ((of.getUTCMonth() + 1) << 5) | of.getUTCDate();
  return [
    [2, time],
    [2, date],
  ];
}

/** The fields that 4.3.7 and 4.3.12 share, from the version to the length of the extra field. */
const common = (entry: ZipEntry, name: Buffer, extra: Buffer, version: number): [2 | 4, number][] => {
  const size = Math.min(entry.size, full32);
  return [
    [2, version],
    [2, flags],
    [2, stored],
    ...dosTime(entry.modified),
    [4, entry.crc32],
    [4, size],
    [4, size],
    [2, name.length],
    [2, extra.length],
  ];
};

/** 4.3.7: what stands before an entry's bytes. */
function localHeader(entry: ZipEntry): Buffer {
  const name = Buffer.from(entry.name);
  const extra = zip64Extra(entry.size >= full32 ? [entry.size, entry.size] : []);
  const version = extra.length > 0 ? zip64Version : plainVersion;
  return Buffer.concat([fields([4, 0x04034b50], ...common(entry, name, extra, version)), name, extra]);
}

/** 4.3.12: an entry in the central directory. @param offset of its local header */
function directoryHeader(entry: ZipEntry, offset: number): Buffer {
  const name = Buffer.from(entry.name);
  const isLarge = entry.size >= full32;
  const isFar = offset >= full32;
  const extra = zip64Extra([...(isLarge ? [entry.size, entry.size] : []), ...(isFar ? [offset] : [])]);
  const version = extra.length > 0 ? zip64Version : plainVersion;
  return Buffer.concat([
    fields([4, 0x02014b50], [2, madeBy], ...common(entry, name, extra, version)),
    // No comment, on disk 0, nothing known of the content.
    fields([2, 0], [2, 0], [2, 0], [4, rights], [4, Math.min(offset, full32)]),
    name,
    extra,
  ]);
}

/**
 * 4.3.14 to 4.3.16: the end of the archive, in ZIP64's form too where the plain one is too small.
 */
function endOfArchive(entries: number, size: number, offset: number): Buffer {
  const end = fields(
    [4, 0x06054b50],
    [4, 0],
    [2, Math.min(entries, full16)],
    [2, Math.min(entries, full16)],
    [4, Math.min(size, full32)],
    [4, Math.min(offset, full32)],
    [2, 0],
  );
  if (entries < full16 && size < full32 && offset < full32) return end;
  const zip64End = fields(
    [4, 0x06064b50],
    [8, 44],
    [2, madeBy],
    [2, zip64Version],
    [8, 0],
    [8, entries],
    [8, entries],
    [8, size],
    [8, offset],
  );
  return Buffer.concat([zip64End, fields([4, 0x07064b50], [4, 0], [8, offset + size], [4, 1]), end]);
}

/** The photo's bytes, which must be those that its header has told of. */
async function* asTold({ size, crc32: sum }: ZipEntry, bytes: AsyncIterable<Uint8Array>) {
  let seen = 0;
  let sumSeen = 0;
  for await (const chunk of bytes) {
    seen += chunk.length;
    sumSeen = crc32(chunk, sumSeen);
    yield chunk;
  }
  if (seen !== size || sumSeen !== sum)
    throw internalError('photo_changed', `A photo of ${size} bytes is not the one that was stored.`);
}

export type ZipLayout = {
  /** What stands before each entry's bytes, in the entries' order. */
  headers: Buffer[];
  /** What stands after the last entry's. */
  end: Buffer;
  /** Of the whole archive, in bytes. */
  length: number;
};

/** All of an archive but the photos themselves. */
export function zipLayout(entries: ZipEntry[]): ZipLayout {
  const headers = entries.map(localHeader);
  let offset = 0;
  const directory = entries.map((entry, index) => {
    const record = directoryHeader(entry, offset);
    offset += (headers[index]?.length ?? 0) + entry.size;
    return record;
  });
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.concat([...directory, endOfArchive(entries.length, size, offset)]);
  return { headers, end, length: offset + end.length };
}

/**
 * An archive, byte by byte; holds a chunk at a time. An entry is opened when its turn comes.
 * @throws StepError `photo_changed` when an entry's bytes have another size or sum
 */
export async function* zip<Entry extends ZipEntry>(
  entries: Entry[],
  open: (entry: Entry) => Promise<AsyncIterable<Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  const { headers, end } = zipLayout(entries);
  for (const [index, entry] of entries.entries()) {
    yield headers[index] ?? Buffer.alloc(0);
    yield* asTold(entry, await open(entry));
  }
  yield end;
}
