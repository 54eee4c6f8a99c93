import { describe, expect, test } from '@jest/globals';
import { s3Event, uploadsOf } from '../../lambdas/upload/s3-event.ts';

const session = '6f1c2b1e-0000-4000-8000-000000000001';
const upload = '6f1c2b1e-0000-4000-8000-000000000002';
const event = (...keys: string[]) =>
  uploadsOf(s3Event.parse({ Records: keys.map((key) => ({ eventName: 'x', s3: { object: { key } } })) }));

describe('an event of S3', () => {
  test('names the uploads whose objects it speaks of', () => {
    const key = `uploads/temp/${session}/${upload}.jpg`;
    expect(event(key)).toEqual([{ key, sessionId: session, uploadId: upload }]);
  });

  test('may have its key encoded as forms do', () => {
    const key = `uploads/temp/${session}/${upload}.jpg`;
    expect(event(encodeURIComponent(key))).toEqual([{ key, sessionId: session, uploadId: upload }]);
  });

  test.each([
    ['a folder of another name', `uploads/originals/${session}/${upload}.jpg`],
    ['no session', `uploads/temp/${upload}.jpg`],
    ['one folder more', `uploads/temp/${session}/more/${upload}.jpg`],
    ['a way up', `uploads/temp/${session}/../${upload}.jpg`],
    ['something before', `x/uploads/temp/${session}/${upload}.jpg`],
    ['a space in its name', `uploads/temp/${session}/my+photo.jpg`],
    ['no ending', `uploads/temp/${session}/${upload}`],
  ])('about a key with %s is none of ours', (_what, key) => {
    expect(event(key)).toEqual([]);
  });

  test('that only tests the queue names no uploads', () => {
    expect(uploadsOf(s3Event.parse({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'b' }))).toEqual(
      [],
    );
  });

  test('of any other shape is refused', () => {
    expect(s3Event.safeParse({ Event: 's3:Other' }).success).toBe(false);
    expect(s3Event.safeParse({ Records: [{ s3: {} }] }).success).toBe(false);
  });
});
