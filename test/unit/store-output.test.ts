import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import './edges.ts';

const { storeOutput } = await import('../../lambdas/restoration/store-restored/store-output.ts');
afterEach(() => void jest.restoreAllMocks());

describe('a restored photo', () => {
  test.each([
    ['no picture', Buffer.from('<html>not found</html>')],
    ['nothing', Buffer.alloc(0)],
  ])('that is %s is refused, and its connection let go', async (_what, bytes) => {
    const send = jest.spyOn(S3Client.prototype, 'send');
    const stream = Readable.from([bytes, Buffer.alloc(300_000), Buffer.alloc(300_000)]);
    await expect(storeOutput(stream, 'restored', 'stem')).rejects.toMatchObject({
      name: 'output_unreadable',
    });
    expect(stream.destroyed).toBe(true);
    expect(send).not.toHaveBeenCalled();
  });
});
