/**
 * A strict reader of ZIP archives: takes only what every reader can take, and says what is wrong.
 */
import { crc32 } from 'node:zlib';

/** Bytes of an archive from an offset; the archive need not be in memory. */
export type Source = { length: number; read(offset: number, length: number): Buffer };

export type ReadEntry = {
  name: string;
  size: number;
  crc32: number;
  /** Of its bytes. */
  offset: number;
  flags: number;
  method: number;
};

const full16 = 0xffff;
const full32 = 0xffffffff;

export const inMemory = (archive: Buffer): Source => ({
  length: archive.length,
  read: (offset, length) => archive.subarray(offset, offset + length),
});

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`Not a sound archive: ${what}.`);
}

const long = (buffer: Buffer, at: number) => Number(buffer.readBigUInt64LE(at));

/** Where the directory is, and how many entries it has. */
function readEnd({ length, read }: Source) {
  const end = read(length - 22, 22);
  must(end.readUInt32LE(0) === 0x06054b50, 'it does not end as one without a comment');
  must(end.readUInt32LE(4) === 0 && end.readUInt16LE(20) === 0, 'it has several disks or a comment');
  const plain = { entries: end.readUInt16LE(10), size: end.readUInt32LE(12), offset: end.readUInt32LE(16) };
  must(end.readUInt16LE(8) === plain.entries, 'the disk has other entries than the archive');
  const isFull = plain.entries === full16 || plain.size === full32 || plain.offset === full32;
  if (!isFull) return { ...plain, at: length - 22 };
  const locator = read(length - 42, 20);
  must(locator.readUInt32LE(0) === 0x07064b50, 'no ZIP64 locator stands before the end');
  const at = long(locator, 8);
  const large = read(at, 56);
  must(at + 56 === length - 42, 'something stands between the ZIP64 end and its locator');
  must(large.readUInt32LE(0) === 0x06064b50 && long(large, 4) === 44, 'no ZIP64 end is there');
  must(large.readUInt16LE(14) >= 45, 'the ZIP64 end needs an older version than has ZIP64');
  const told = { entries: long(large, 32), size: long(large, 40), offset: long(large, 48) };
  const agrees = (plainValue: number, value: number, full: number) =>
    plainValue === full ? value >= full : plainValue === value;
  must(
    agrees(plain.entries, told.entries, full16) &&
      agrees(plain.size, told.size, full32) &&
      agrees(plain.offset, told.offset, full32),
    'the plain end and the ZIP64 end disagree',
  );
  return { ...told, at };
}

/** The values of the ZIP64 field for as many as are too large for their own. */
function extended(extra: Buffer, values: number[]): number[] {
  const missing = values.filter((value) => value === full32).length;
  if (missing === 0) {
    must(extra.length === 0, 'an extra field has no purpose');
    return values;
  }
  must(extra.readUInt16LE(0) === 1 && extra.readUInt16LE(2) === 8 * missing, 'the ZIP64 field is wrong');
  must(extra.length === 4 + 8 * missing, 'the extra field goes on behind the ZIP64 field');
  const told = Array.from({ length: missing }, (_, index) => long(extra, 4 + 8 * index));
  return values.map((value) => (value === full32 ? (told.shift() ?? 0) : value));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The 26 bytes that local header and directory share, from the version needed on. */
function readCommon(bytes: Buffer) {
  const [flags, method] = [bytes.readUInt16LE(2), bytes.readUInt16LE(4)];
  must(flags === 0x0800, `the flags are ${flags.toString(16)}, and only names in UTF-8 are expected`);
  must(method === 0, `the method is ${method}, and photos are stored`);
  return {
    version: bytes.readUInt16LE(0),
    flags,
    method,
    time: bytes.readUInt32LE(6),
    crc32: bytes.readUInt32LE(10),
    sizes: [bytes.readUInt32LE(14), bytes.readUInt32LE(18)],
    nameLength: bytes.readUInt16LE(22),
    extraLength: bytes.readUInt16LE(24),
  };
}

function readLocal({ read }: Source, at: number) {
  const bytes = read(at, 30);
  must(bytes.readUInt32LE(0) === 0x04034b50, `no local header is at ${at}`);
  const { nameLength, extraLength, sizes, ...common } = readCommon(bytes.subarray(4));
  const name = read(at + 30, nameLength);
  const extra = read(at + 30 + nameLength, extraLength);
  const offset = at + 30 + nameLength + extraLength;
  return { ...common, name: utf8.decode(name), sizes: extended(extra, sizes), offset, extraLength };
}

/**
 * @returns the entries in the directory's order, each compared with its local header; nothing may
 * lie between them
 */
export function readEntries(source: Source): ReadEntry[] {
  const end = readEnd(source);
  must(end.offset + end.size === end.at, 'the directory does not reach to the end');
  const directory = source.read(end.offset, end.size);
  const entries: ReadEntry[] = [];
  let next = 0;
  for (let at = 0; at < directory.length; ) {
    must(directory.readUInt32LE(at) === 0x02014b50, 'the directory is broken');
    const { nameLength, extraLength, ...central } = readCommon(directory.subarray(at + 6));
    const variable = at + 46;
    const extra = directory.subarray(variable + nameLength, variable + nameLength + extraLength);
    const [compressed, size = 0, offset = 0] = extended(extra, [
      ...central.sizes,
      directory.readUInt32LE(at + 42),
    ]);
    must(directory.readUInt16LE(at + 32) === 0 && compressed === size, 'a comment, or sizes that differ');
    must(extraLength === 0 || central.version >= 45, 'a ZIP64 entry does not say so');
    must(offset === next, `an entry begins at ${offset}, and not at ${next}, where the last one ended`);
    const local = readLocal(source, offset);
    const name = utf8.decode(directory.subarray(variable, variable + nameLength));
    must(
      local.name === name &&
        local.crc32 === central.crc32 &&
        local.time === central.time &&
        local.sizes.every((told) => told === size),
      `${name} is told of otherwise before its bytes than in the directory`,
    );
    must(local.extraLength === 0 || local.version >= 45, 'a ZIP64 local header does not say so');
    next = local.offset + size;
    entries.push({ name, size, crc32: central.crc32, offset: local.offset, flags: 0x0800, method: 0 });
    at = variable + nameLength + extraLength;
  }
  must(next === end.offset, 'the last entry does not end where the directory begins');
  must(entries.length === end.entries, 'the directory has another number of entries than the end tells');
  const folded = new Set(entries.map(({ name }) => name.normalize('NFC').toLowerCase()));
  must(folded.size === entries.length, 'two entries have one name');
  return entries;
}

/** An archive in memory, its sums checked too: bytes by name. */
export function readZip(archive: Buffer): Map<string, Buffer> {
  const source = inMemory(archive);
  return new Map(
    readEntries(source).map(({ name, size, offset, crc32: sum }) => {
      const bytes = source.read(offset, size);
      must(crc32(bytes) === sum, `${name} has another sum`);
      return [name, bytes];
    }),
  );
}
