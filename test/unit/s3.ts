/** S3 in memory for unit tests: objects by `bucket/key`, and the calls that were made. */
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { jest } from '@jest/globals';

const refusal = (status: number) =>
  new S3ServiceException({
    name: `Status${status}`,
    message: `S3 answered ${status}.`,
    $fault: 'client',
    $metadata: { httpStatusCode: status },
  });

export type FakeObject = { bytes: Uint8Array; etag: string; type?: string | undefined };

/** For `beforeEach`. */
export function replaceS3() {
  const objects = new Map<string, FakeObject>();
  const calls: string[] = [];
  const failing = new Map<string, number>();
  const brokenOff = new Map<string, number>();
  const ranges: (string | undefined)[] = [];

  function found(path: string): FakeObject {
    const object = objects.get(path);
    if (!object) throw refusal(404);
    return object;
  }
  function get({ Bucket, Key, Range }: GetObjectCommand['input']) {
    const { bytes, etag } = found(`${Bucket}/${Key}`);
    ranges.push(Range);
    if (Range && bytes.length === 0) throw refusal(416);
    const last = Number(/-(\d+)$/.exec(Range ?? '')?.[1] ?? bytes.length);
    const part = bytes.subarray(0, last + 1);
    const sent = part.subarray(0, brokenOff.get(`${Bucket}/${Key}`));
    return {
      Body: Object.assign(Readable.from(sent.length > 0 ? [sent] : []), {
        transformToByteArray: async () => part,
      }),
      ContentRange: Range && `bytes 0-${part.length - 1}/${bytes.length}`,
      ContentLength: part.length,
      ETag: `"${etag}"`,
    };
  }
  function copy({ Bucket, Key, CopySource, CopySourceIfMatch, ...input }: CopyObjectCommand['input']) {
    const source = found(CopySource ?? '');
    if (source.etag !== CopySourceIfMatch || objects.has(`${Bucket}/${Key}`)) throw refusal(412);
    const type = input.MetadataDirective === 'REPLACE' ? input.ContentType : source.type;
    objects.set(`${Bucket}/${Key}`, { ...source, type });
    return {};
  }
  jest.spyOn(S3Client.prototype, 'send').mockImplementation(async (command: object) => {
    const name = command.constructor.name.replace('Command', '');
    const { Bucket, Key } =
      command instanceof GetObjectCommand ||
      command instanceof HeadObjectCommand ||
      command instanceof CopyObjectCommand ||
      command instanceof DeleteObjectCommand ||
      command instanceof PutObjectTaggingCommand
        ? command.input
        : { Bucket: '', Key: '' };
    calls.push(`${name} ${Bucket}/${Key}`);
    const status = failing.get(name);
    if (status) throw refusal(status);
    if (command instanceof GetObjectCommand) return get(command.input);
    if (command instanceof CopyObjectCommand) return copy(command.input);
    if (command instanceof DeleteObjectCommand) return { deleted: objects.delete(`${Bucket}/${Key}`) };
    return { found: found(`${Bucket}/${Key}`) && true };
  });
  return {
    objects,
    /** `CopyObject originals/key`, in order. */
    calls,
    /** Of each GetObject. */
    ranges,
    put: (path: string, bytes: Uint8Array, etag = 'etag') => void objects.set(path, { bytes, etag }),
    /** The connection closes after so many bytes of that object. */
    breakOff: (path: string, after: number) => void brokenOff.set(path, after),
    /** Calls of that name, such as `CopyObject`, answer that status from now on. */
    fail: (name: string, status: number) => void failing.set(name, status),
  };
}
