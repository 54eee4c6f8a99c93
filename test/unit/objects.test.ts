import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import './edges.ts';
import { replaceS3 } from './s3.ts';

const { copyOnce, deleteObject, exists, openObject, readBytes, readHead, tagStage } = await import(
  '../../lambdas/platform/objects.ts'
);

let s3: ReturnType<typeof replaceS3>;
beforeEach(() => {
  s3 = replaceS3();
});
afterEach(() => void jest.restoreAllMocks());
const bytes = Buffer.from('0123456789');

describe('the head of an object', () => {
  test('is its first bytes, with the size of the whole and a bare ETag', async () => {
    s3.put('b/k', bytes, 'tag');
    expect(await readHead('b', 'k', 4)).toEqual({ bytes: bytes.subarray(0, 4), size: 10, etag: 'tag' });
    expect(s3.ranges).toEqual(['bytes=0-3']);
  });

  test('is shorter when the object is', async () => {
    s3.put('b/k', bytes);
    expect(await readHead('b', 'k', 99)).toMatchObject({ bytes, size: 10 });
  });

  test('of an empty object is empty, though S3 refuses the range', async () => {
    s3.put('b/k', Buffer.alloc(0));
    expect(await readHead('b', 'k', 4)).toMatchObject({ bytes: new Uint8Array(), size: 0 });
  });

  test('is none when there is no object', async () => {
    expect(await readHead('b', 'k', 4)).toBeUndefined();
  });

  test.each([400, 403, 412, 500, 503])('is not known when S3 answers %d', async (status) => {
    s3.put('b/k', bytes);
    s3.fail('GetObject', status);
    await expect(readHead('b', 'k', 4)).rejects.toThrow(`${status}`);
  });
});

describe('an object that is read as it comes', () => {
  async function readAll(path = 'k') {
    const object = await openObject('b', path);
    const parts: Uint8Array[] = [];
    for await (const part of object?.bytes ?? []) parts.push(part);
    return object && { size: object.size, etag: object.etag, bytes: Buffer.concat(parts) };
  }

  test('has its size and a bare ETag', async () => {
    s3.put('b/k', bytes, 'tag');
    expect(await readAll()).toEqual({ size: 10, etag: 'tag', bytes });
    s3.put('b/k', Buffer.alloc(0), 'none');
    expect(await readAll()).toEqual({ size: 0, etag: 'none', bytes: Buffer.alloc(0) });
  });

  test('is no shorter object when its connection breaks', async () => {
    s3.put('b/k', bytes);
    s3.breakOff('b/k', 7);
    await expect(readAll()).rejects.toMatchObject({ kind: 'retry', code: 'object_broke_off' });
  });

  test('is none, or not known, by what S3 answers', async () => {
    expect(await readAll('other')).toBeUndefined();
    s3.fail('GetObject', 503);
    await expect(readAll()).rejects.toThrow('503');
  });
});

describe('copying once', () => {
  const copy = () =>
    copyOnce(
      { bucket: 'temp', key: 'k', etag: 'sold' },
      { bucket: 'originals', key: 'o', contentType: 'image/png' },
    );

  test('copies the very object that was meant', async () => {
    s3.put('temp/k', bytes, 'sold');
    expect(await copy()).toBe('copied');
    expect(s3.objects.get('originals/o')).toEqual({ bytes, etag: 'sold', type: 'image/png' });
  });

  test('again copies nothing, even when its source is gone', async () => {
    s3.put('originals/o', bytes);
    expect(await copy()).toBe('already there');
    expect(s3.calls).toEqual(['HeadObject originals/o']);
  });

  test('says when the source is gone', async () => {
    expect(await copy()).toBe('source missing');
  });

  test('says when the source is another by now', async () => {
    s3.put('temp/k', bytes, 'another');
    expect(await copy()).toBe('source changed');
  });

  test('that lost a race is there already', async () => {
    s3.put('temp/k', bytes, 'sold');
    const [first, second] = await Promise.all([copy(), copy()]);
    expect([first, second].sort()).toEqual(['already there', 'copied']);
  });

  test.each([403, 409, 500, 503])('is not decided when S3 answers %d', async (status) => {
    s3.put('temp/k', bytes, 'sold');
    s3.fail('CopyObject', status);
    await expect(copy()).rejects.toThrow(`${status}`);
  });
});

describe('an object', () => {
  test('exists or does not; anything else S3 says is neither', async () => {
    s3.put('b/k', bytes);
    expect([await exists('b', 'k'), await exists('b', 'other')]).toEqual([true, false]);
    for (const status of [403, 503]) {
      s3.fail('HeadObject', status);
      await expect(exists('b', 'gone')).rejects.toThrow(`${status}`);
    }
  });

  test('is tagged if it is there', async () => {
    s3.put('b/k', bytes);
    expect([await tagStage('b', 'k', 'checkout'), await tagStage('b', 'gone', 'checkout')]).toEqual([
      true,
      false,
    ]);
    for (const status of [403, 500]) {
      s3.fail('PutObjectTagging', status);
      await expect(tagStage('b', 'k', 'checkout')).rejects.toThrow(`${status}`);
    }
  });

  test('is read whole, and deleted', async () => {
    s3.put('b/k', bytes);
    expect(await readBytes('b', 'k')).toEqual(bytes);
    await deleteObject('b', 'k');
    await expect(readBytes('b', 'k')).rejects.toThrow('404');
  });
});
