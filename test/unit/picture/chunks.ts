/** PNG and WebP taken apart and put together again, chunk by chunk. */
import { crc32 } from 'node:zlib';

export type Chunk = { name: string; bytes: Buffer };

export const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

export function pngChunk(name: string, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(bytes.length, 0);
  head.write(name, 4, 'latin1');
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes, crc32(name)));
  return Buffer.concat([head, bytes, sum]);
}

export function pngChunks(png: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({
      name: png.toString('latin1', at + 4, at + 8),
      bytes: png.subarray(at + 8, at + 8 + length),
    });
    at += 12 + length;
  }
  return chunks;
}

export const toPng = (chunks: Chunk[]): Buffer =>
  Buffer.concat([signature, ...chunks.map(({ name, bytes }) => pngChunk(name, bytes))]);

export function header(width: number, height: number, depth = 8, colour = 2, interlace = 0): Chunk {
  const bytes = Buffer.alloc(13);
  bytes.writeUInt32BE(width, 0);
  bytes.writeUInt32BE(height, 4);
  bytes.set([depth, colour, 0, 0, interlace], 8);
  return { name: 'IHDR', bytes };
}

export function webpChunks(webp: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 12; at < webp.length; ) {
    const length = webp.readUInt32LE(at + 4);
    chunks.push({ name: webp.toString('latin1', at, at + 4), bytes: webp.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length & 1);
  }
  return chunks;
}

export function toWebp(chunks: Chunk[]): Buffer {
  const parts = chunks.map(({ name, bytes }) => {
    const head = Buffer.alloc(8);
    head.write(name, 'latin1');
    head.writeUInt32LE(bytes.length, 4);
    return Buffer.concat([head, bytes, Buffer.alloc(bytes.length & 1)]);
  });
  const riff = Buffer.alloc(12);
  riff.write('RIFF');
  riff.writeUInt32LE(4 + parts.reduce((sum, { length }) => sum + length, 0), 4);
  riff.write('WEBP', 8);
  return Buffer.concat([riff, ...parts]);
}

/** An EXIF block that says how a picture is turned, and nothing else. */
export function exif(orientation: number, order: 'II' | 'MM' = 'MM'): Buffer {
  const block = Buffer.alloc(26);
  block.write(order);
  const [short, long] =
    order === 'II'
      ? [block.writeUInt16LE.bind(block), block.writeUInt32LE.bind(block)]
      : [block.writeUInt16BE.bind(block), block.writeUInt32BE.bind(block)];
  short(42, 2);
  long(8, 4);
  short(1, 8);
  short(0x0112, 10);
  short(3, 12);
  long(1, 14);
  short(orientation, 18);
  return block;
}
