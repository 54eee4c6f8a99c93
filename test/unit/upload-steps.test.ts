import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import sharp from 'sharp';
import { apiEvent, sqsEvent } from './aws.ts';
import { type Edges, failuresOf, replaceEdges } from './edges.ts';
import { replaceS3 } from './s3.ts';

const recordUpload = await import('../../lambdas/upload/record-upload/handler.ts');
const renewSession = await import('../../lambdas/upload/renew-session/handler.ts');
const expireUploads = await import('../../lambdas/upload/expire-uploads/handler.ts');

const sessionId = '6f1c2b1e-0000-4000-8000-000000000001';
const uploadId = '6f1c2b1e-0000-4000-8000-000000000002';
const key = `uploads/temp/${sessionId}/${uploadId}.jpg`;
const created = { Records: [{ eventName: 'ObjectCreated:Post', s3: { object: { key } } }] };
const testEvent = { Service: 'Amazon S3', Event: 's3:TestEvent' };
const photo = await sharp({ create: { width: 60, height: 40, channels: 3, background: '#a87' } })
  .jpeg()
  .toBuffer();

let edges: Edges;
let s3: ReturnType<typeof replaceS3>;
beforeEach(() => {
  edges = replaceEdges();
  s3 = replaceS3();
});
afterEach(() => void jest.restoreAllMocks());

describe('record-upload', () => {
  const record = 'upload/record-upload/record';
  const refuse = 'upload/record-upload/refuse';
  const deliver = async (event: object = created) => failuresOf(await recordUpload.handler(sqsEvent(event)));
  const deletions = () => s3.calls.filter((call) => call.startsWith('DeleteObject'));

  test('records a photo with what it really is', async () => {
    s3.put(`temp/${key}`, photo, 'tag');
    edges.answer(record, [{ statusBefore: 'pending' }]);
    expect(await deliver()).toEqual([]);
    expect(edges.paramsOf(record)).toMatchObject({
      uploadId,
      sessionId,
      etag: 'tag',
      size: photo.length,
      mimeType: 'image/jpeg',
      width: 60,
      height: 40,
    });
    expect(deletions()).toEqual([]);
  });

  test('reads a photo to its end, whatever lies behind it', async () => {
    s3.put(`temp/${key}`, Buffer.concat([photo, Buffer.alloc(200_000)]));
    edges.answer(record, [{ statusBefore: 'pending' }]);
    expect(await deliver()).toEqual([]);
    expect(s3.ranges).toEqual([undefined]);
    expect(edges.paramsOf(record)).toMatchObject({ width: 60, height: 40, size: photo.length + 200_000 });
  });

  test('comes again when the connection to S3 breaks, refusing nothing', async () => {
    s3.put(`temp/${key}`, photo);
    s3.breakOff(`temp/${key}`, photo.length - 100);
    expect(await deliver()).toEqual(['message-0']);
    expect(edges.ran).toEqual([]);
  });

  test('says in its log why a photo is refused', async () => {
    s3.put(`temp/${key}`, photo.subarray(0, photo.length - 2));
    edges.answer(refuse, [{ statusBefore: 'pending' }]);
    await deliver();
    expect(edges.log.lines()).toContainEqual(
      expect.objectContaining({ message: 'photo refused', uploadId, refusal: 'damaged', why: 'no end' }),
    );
  });

  test.each([
    ['no photo', Buffer.from('%PDF-1.7'), 'not_a_photo'],
    ['empty', Buffer.alloc(0), 'empty'],
    ['cut off', photo.subarray(0, photo.length / 2), 'damaged'],
    ['overwritten', Buffer.concat([photo.subarray(0, photo.length / 2), Buffer.alloc(5000)]), 'damaged'],
  ])('refuses and deletes what is %s', async (_what, bytes, refusalCode) => {
    s3.put(`temp/${key}`, bytes);
    edges.answer(refuse, [{ statusBefore: 'pending' }]);
    expect(await deliver()).toEqual([]);
    expect(edges.paramsOf(refuse)).toMatchObject({ refusalCode });
    expect(s3.objects.size).toBe(0);
  });

  test.each(['deleted', 'expired'])(
    'deletes a photo that came after its upload was %s',
    async (statusBefore) => {
      s3.put(`temp/${key}`, photo);
      edges.answer(record, [{ statusBefore }]);
      expect(await deliver()).toEqual([]);
      expect(deletions()).toHaveLength(1);
    },
  );

  test('leaves alone what lies under the key of a photo that is kept already', async () => {
    s3.put(`temp/${key}`, Buffer.from('%PDF-1.7'));
    edges.answer(refuse, [{ statusBefore: 'moved_to_permanent' }]);
    expect(await deliver()).toEqual([]);
    expect(deletions()).toEqual([]);
  });

  test('acknowledges an object that is gone, and S3’s test event', async () => {
    expect(await deliver()).toEqual([]);
    expect(await deliver(testEvent)).toEqual([]);
    expect(edges.ran).toEqual([]);
  });

  test('comes again when its row is not there yet, keeping the object', async () => {
    s3.put(`temp/${key}`, photo);
    edges.answer(record, []);
    expect(await deliver()).toEqual(['message-0']);
    expect(deletions()).toEqual([]);
  });

  test('comes again when S3 does not answer, refusing nothing', async () => {
    s3.put(`temp/${key}`, photo);
    s3.fail('GetObject', 503);
    expect(await deliver()).toEqual(['message-0']);
    expect(edges.ran).toEqual([]);
  });

  test('redelivered after it died before the deletion, deletes', async () => {
    s3.put(`temp/${key}`, Buffer.from('%PDF-1.7'));
    edges.answer(refuse, [{ statusBefore: 'deleted' }]);
    expect(await deliver()).toEqual([]);
    expect(s3.objects.size).toBe(0);
  });
});

describe('renew-session', () => {
  const waiting = 'upload/renew-session/waiting';
  const row = {
    id: uploadId,
    originalFilename: 'a.jpg',
    storagePath: key,
    mimeType: 'image/jpeg',
    fileSizeBytes: 1234,
    expiresAt: '2026-01-01T00:00:00Z',
    waiting: true,
  };
  const post = (session = sessionId) => renewSession.handler(apiEvent({ path: { session } }));

  test('gives a fresh address to each photo that is still missing, under its old key', async () => {
    edges.answer(waiting, [{ ...row, id: sessionId, waiting: false }, row]);
    const answer = await post();
    expect(answer.statusCode).toBe(200);
    expect(JSON.parse(answer.body ?? '{}')).toMatchObject({
      sessionId,
      photos: [{ id: uploadId, name: 'a.jpg', upload: { fields: { key, 'Content-Type': 'image/jpeg' } } }],
    });
    expect(JSON.parse(answer.body ?? '{}').photos).toHaveLength(1);
  });

  test('does not know what was never a session', async () => {
    edges.answer(waiting, []);
    expect(await post()).toMatchObject({ statusCode: 404, body: expect.stringContaining('unknown-session') });
    expect(await post('x')).toMatchObject({ statusCode: 404 });
    expect(edges.ran).toHaveLength(1);
  });
});

describe('expire-uploads', () => {
  const expire = 'upload/expire-uploads/expire';

  test('marks each upload whose object expired', async () => {
    edges.answer(expire, [{ expired: 1 }]);
    const event = { Records: [...created.Records, ...created.Records] };
    expect(failuresOf(await expireUploads.handler(sqsEvent(event)))).toEqual([]);
    expect(edges.ran).toMatchObject(Array(2).fill({ params: { uploadId, sessionId } }));
  });

  test('acknowledges what has no row, and S3’s test event', async () => {
    edges.answer(expire, [{ expired: 0 }]);
    expect(failuresOf(await expireUploads.handler(sqsEvent(created, testEvent)))).toEqual([]);
    expect(edges.ran).toHaveLength(1);
  });

  test('comes again when the database does not answer', async () => {
    edges.answer(expire, new Error('down'));
    expect(failuresOf(await expireUploads.handler(sqsEvent(created)))).toEqual(['message-0']);
  });
});
