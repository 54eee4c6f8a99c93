/** A request's body: decoded, and verified against the lengths and checksums its headers state. */
import type { z } from 'zod';
import { type AwsCall, AwsError, notImplemented } from '../gateway/index.ts';
import type { Received } from './bytes.ts';
import type { S3, S3Request } from './catalogue.ts';
import { decodeChunked } from './chunked.ts';
import { type Algorithm, algorithms, createMeter, type Measure } from './digest.ts';
import { incompleteBody, malformedTrailer, malformedXml } from './errors.ts';
import { parseXml } from './xml.ts';

type Intake = {
  source: AsyncIterable<Buffer>;
  algorithms: Algorithm[];
  verify: (measure: Measure) => void;
};

/** Refused by name, so that nobody believes such a checksum was verified. */
const unknownAlgorithms = ['CRC32C', 'CRC64NVME', 'MD5', 'SHA512', 'XXHASH64', 'XXHASH3', 'XXHASH128'];
const largestXml = 2 * 1024 ** 2;

/**
 * The bytes of a request.
 * @param refusal what to throw when the caller breaks off
 */
export async function* bodyOf(call: AwsCall, refusal: () => AwsError): AsyncGenerator<Buffer> {
  try {
    // A refusal must not destroy the request: its answer goes over the same socket.
    yield* call.body.iterator({ destroyOnReturn: false });
  } catch {
    throw refusal();
  } finally {
    // A browser hears of a refusal only after it has sent all it had to send.
    call.body.resume();
  }
}

const headerOf = (algorithm: string) => `x-amz-checksum-${algorithm.toLowerCase()}`;

const badDigest = (name: string) =>
  new AwsError('BadDigest', `The ${name} you specified did not match the calculated checksum.`);

function verifyMd5(stated: string | undefined, measure: Measure) {
  if (stated === undefined) return;
  const bytes = Buffer.from(stated, 'base64');
  if (bytes.length !== 16)
    throw new AwsError('InvalidDigest', 'The Content-MD5 you specified was invalid.', 400, {
      'Content-MD5': stated,
    });
  if (bytes.toString('hex') !== measure.md5) throw badDigest('Content-MD5');
}

function verifyPayloadHash(stated: string | undefined, measure: Measure) {
  const calculated = Buffer.from(measure.checksums.SHA256 ?? '', 'base64').toString('hex');
  if (stated === undefined || stated === calculated) return;
  const message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
  const detail = { ClientComputedContentSHA256: stated, S3ComputedContentSHA256: calculated };
  throw new AwsError('XAmzContentSHA256Mismatch', message, 400, detail);
}

function announcedTrailers(headers: S3Request['headers']): string[] {
  const names = (headers['x-amz-trailer'] ?? '').split(',').map((each) => each.trim().toLowerCase());
  return names.filter((name) => name !== '');
}

/** The algorithms whose checksums the headers state, or announce as trailers. */
export function statedAlgorithms(headers: S3Request['headers']): Algorithm[] {
  const announced = announcedTrailers(headers);
  const states = (algorithm: string) =>
    headers[headerOf(algorithm)] !== undefined || announced.includes(headerOf(algorithm));
  const unknown = unknownAlgorithms.find(states);
  if (unknown) throw notImplemented('S3', headerOf(unknown));
  return algorithms.filter(states);
}

/** Throws BadDigest unless each checksum is what the headers state. */
export function verifyChecksums(stated: Algorithm[], headers: S3Request['headers'], measure: Measure) {
  const wrong = stated.find((algorithm) => headers[headerOf(algorithm)] !== measure.checksums[algorithm]);
  if (wrong) throw badDigest(wrong);
}

function intakeOf({ call, headers }: S3Request): Intake {
  const hash = headers['x-amz-content-sha256'] ?? '';
  if (hash.startsWith('STREAMING-AWS4')) throw notImplemented('S3', hash);
  const length = headers['x-amz-decoded-content-length'] ?? headers['content-length'];
  if (length === undefined)
    throw new AwsError('MissingContentLength', 'You must provide the Content-Length HTTP header.', 411);

  const trailers = new Map<string, string>();
  const raw = bodyOf(call, incompleteBody);
  const payloadHash = /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
  const stated = statedAlgorithms(headers);
  return {
    source: hash.startsWith('STREAMING-') ? decodeChunked(raw, trailers) : raw,
    algorithms: payloadHash ? [...stated, 'SHA256'] : stated,
    verify(measure) {
      if (measure.size !== Number(length)) throw incompleteBody();
      if ([...trailers.keys()].sort().join() !== announcedTrailers(headers).sort().join())
        throw malformedTrailer();
      verifyMd5(headers['content-md5'], measure);
      verifyPayloadHash(payloadHash, measure);
      verifyChecksums(stated, { ...Object.fromEntries(trailers), ...headers }, measure);
    },
  };
}

/** Writes a body to a file; throws, and leaves nothing, unless it is whole and as stated. */
export async function receiveBody(s3: S3, request: S3Request): Promise<Received> {
  const { source, ...expected } = intakeOf(request);
  const received = await s3.bytes.receive(source, expected);
  const { SHA256, ...others } = received.checksums;
  // The signed payload hash is no checksum that the caller asked S3 to keep.
  const kept =
    SHA256 && statedAlgorithms(request.headers).includes('SHA256') ? { ...others, SHA256 } : others;
  return { ...received, checksums: kept };
}

/** Reads the XML document in the body of `request`. */
export async function readXml<T>(request: S3Request, schema: z.ZodType<T>): Promise<T> {
  const intake = intakeOf(request);
  const meter = createMeter(intake.algorithms);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of intake.source) {
    size += chunk.length;
    if (size > largestXml) throw malformedXml();
    meter.add(chunk);
    chunks.push(chunk);
  }
  intake.verify(meter.measure());
  return parseXml(Buffer.concat(chunks).toString('utf8'), schema);
}

/** The checksum headers of an answer. */
export function checksumHeaders(checksums: Partial<Record<Algorithm, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(checksums).map(([algorithm, value]) => [headerOf(algorithm), value]),
  );
}
