/**
 * Who may do what with the local S3: copies, tags, missing keys, presigned URLs, listings, calls it
 * does not have.
 */
import {
  CopyObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { allow, bucketModel, type OpenedS3, openS3, refused, shortCalls } from './s3-setup.ts';

const arn = 'arn:aws:s3:::photos';
const Bucket = 'photos';

let local: OpenedS3;
beforeAll(async () => {
  local = await openS3({
    buckets: [bucketModel(), bucketModel({ name: 'originals', arn: 'arn:aws:s3:::originals' })],
    policies: {
      Reader: [allow(['s3:GetObject'], [`${arn}/*`])],
      Lister: [allow(['s3:GetObject'], [`${arn}/*`]), allow(['s3:ListBucket'], [arn])],
      Writer: [allow(['s3:PutObject'], [`${arn}/*`])],
      Tagger: [
        allow(['s3:PutObject'], [`${arn}/*`]),
        allow(['s3:PutObjectTagging'], [`${arn}/*`], {
          StringEquals: { 's3:RequestObjectTag/stage': ['upload'] },
        }),
      ],
      Retagger: [
        allow(['s3:PutObjectTagging'], [`${arn}/*`], {
          StringEquals: { 's3:ExistingObjectTag/stage': ['upload'] },
        }),
      ],
      Copier: [allow(['s3:GetObject'], [`${arn}/*`]), allow(['s3:PutObject'], ['arn:aws:s3:::originals/*'])],
    },
  });
});
afterAll(async () => {
  await local.close();
  expect(local.faults).toEqual([]);
});

const { get, put, text } = shortCalls(() => local);
const signPut = (Key: string, more = {}) =>
  getSignedUrl(local.client(), new PutObjectCommand({ Bucket, Key, ...more }), { expiresIn: 60 });

describe('a copy', () => {
  const copy = (more: object, caller?: string) =>
    local
      .client(caller)
      .send(
        new CopyObjectCommand({ Bucket: 'originals', Key: 'copy', CopySource: 'photos/so%20urce', ...more }),
      );

  test('takes type, metadata and tags along, unless told to replace them', async () => {
    await put('so urce', 'x', { ContentType: 'image/webp', Metadata: { a: '1' }, Tagging: 'stage=upload' });
    await copy({});
    const read = { Bucket: 'originals', Key: 'copy' };
    const copied = await local.client().send(new GetObjectCommand(read));
    expect(copied).toMatchObject({ ContentType: 'image/webp', Metadata: { a: '1' }, TagCount: 1 });
    expect(await copied.Body?.transformToString()).toBe('x');
    await copy({
      MetadataDirective: 'REPLACE',
      ContentType: 'image/png',
      TaggingDirective: 'REPLACE',
      Tagging: 'kept=yes',
    });
    const replaced = await local.client().send(new HeadObjectCommand(read));
    expect(replaced).toMatchObject({ ContentType: 'image/png', Metadata: {} });
    const tags = await local.client().send(new GetObjectTaggingCommand(read));
    expect(tags.TagSet).toEqual([{ Key: 'kept', Value: 'yes' }]);
  });

  test('is made only of the source that was meant, and over nothing that was not', async () => {
    const { ETag } = await put('so urce', 'x');
    const failed = refused('PreconditionFailed', 412);
    await expect(copy({ CopySourceIfMatch: '"other"' })).rejects.toMatchObject(failed);
    await expect(copy({ CopySourceIfNoneMatch: ETag })).rejects.toMatchObject(failed);
    const answer = await copy({ CopySourceIfMatch: ETag, Key: 'fresh', IfNoneMatch: '*' });
    expect(answer.CopyObjectResult?.ETag).toBe(ETag);
    await expect(copy({ Key: 'fresh', IfNoneMatch: '*' })).rejects.toMatchObject(failed);
  });

  test('needs the source, its tags and the target to be allowed', async () => {
    const denied = refused('AccessDenied', 403);
    await put('so urce', 'x');
    await copy({}, 'Copier');
    await expect(copy({ CopySource: 'photos/missing' }, 'Copier')).rejects.toMatchObject(denied);
    await expect(copy({}, 'Reader')).rejects.toMatchObject(denied);
    await put('so urce', 'x', { Tagging: 'stage=upload' });
    await expect(copy({}, 'Copier')).rejects.toMatchObject(denied);
    await copy({ TaggingDirective: 'REPLACE' }, 'Copier');
  });

  test('of an object onto itself must change something', async () => {
    await put('so urce', 'x');
    const onto = { Bucket, Key: 'so urce' };
    await expect(copy(onto)).rejects.toMatchObject(refused('InvalidRequest', 400));
    await copy({ ...onto, MetadataDirective: 'REPLACE', Metadata: { b: '2' } });
    expect((await get('so urce')).Metadata).toEqual({ b: '2' });
  });
});

describe('tags', () => {
  const TagSet = [{ Key: 'who & <what>', Value: 'a "quoted" é' }];
  const tag = (Key: string, caller?: string, set = TagSet) =>
    local.client(caller).send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet: set } }));
  const tagsOf = async (Key: string) =>
    (await local.client().send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;

  test('are replaced as a set, and come back as they were', async () => {
    await put('tagged', 'x', { Tagging: 'stage=upload&by=a%20b' });
    expect(await tagsOf('tagged')).toEqual([
      { Key: 'stage', Value: 'upload' },
      { Key: 'by', Value: 'a b' },
    ]);
    await tag('tagged');
    expect(await tagsOf('tagged')).toEqual(TagSet);
    await tag('tagged', undefined, []);
    expect(await tagsOf('tagged')).toEqual([]);
    expect(await text('tagged')).toBe('x');
  });

  test('are at most ten, without repetition', async () => {
    await put('tagged', 'x');
    const many = Array.from({ length: 11 }, (_, n) => ({ Key: `${n}`, Value: '' }));
    await expect(tag('tagged', undefined, many)).rejects.toMatchObject({ name: 'BadRequest' });
    await expect(tag('tagged', undefined, [...TagSet, ...TagSet])).rejects.toMatchObject({
      name: 'InvalidTag',
    });
  });

  test('of the request are what a policy judges', async () => {
    await put('by-policy', 'x', { Tagging: 'stage=upload' }, 'Tagger');
    const denied = refused('AccessDenied', 403);
    await expect(put('by-policy', 'x', { Tagging: 'stage=checkout' }, 'Tagger')).rejects.toMatchObject(
      denied,
    );
    await expect(put('by-policy', 'x', { Tagging: 'stage=upload' }, 'Writer')).rejects.toMatchObject(denied);
  });

  test('of the object are what a policy judges', async () => {
    await put('retag', 'x', { Tagging: 'stage=upload' });
    await tag('retag', 'Retagger', [{ Key: 'stage', Value: 'checkout' }]);
    await expect(tag('retag', 'Retagger')).rejects.toMatchObject(refused('AccessDenied', 403));
  });
});

describe('a missing key', () => {
  test('is forbidden to who may not list the bucket, and not found to who may', async () => {
    await expect(get('missing', {}, 'Reader')).rejects.toMatchObject(refused('AccessDenied', 403));
    await expect(get('missing', {}, 'Lister')).rejects.toMatchObject(refused('NoSuchKey', 404));
    const head = (caller: string) =>
      local.client(caller).send(new HeadObjectCommand({ Bucket, Key: 'missing' }));
    await expect(head('Reader')).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    await expect(head('Lister')).rejects.toMatchObject(refused('NotFound', 404));
  });

  test('is forbidden to who may not read', async () => {
    await put('present', 'x');
    await expect(get('present', {}, 'Writer')).rejects.toMatchObject(refused('AccessDenied', 403));
  });
});

test('a write that is not allowed is refused however large it is', async () => {
  const large = Buffer.alloc(20_000_000);
  await expect(put('denied', large, {}, 'Reader')).rejects.toMatchObject(refused('AccessDenied', 403));
});

describe('a presigned URL', () => {
  const sign = (more: object, expiresIn = 60) =>
    getSignedUrl(local.client(), new GetObjectCommand({ Bucket, Key: 'signed', ...more }), { expiresIn });

  test('gives the object the name and type that it was signed with', async () => {
    await put('signed', 'x', { ContentType: 'image/png' });
    const disposition = `attachment; filename="x.png"; filename*=UTF-8''%C3%BC.png`;
    const url = await sign({ ResponseContentDisposition: disposition, ResponseContentType: 'image/x-own' });
    const answer = await fetch(url);
    expect(await answer.text()).toBe('x');
    expect(answer.headers.get('content-disposition')).toBe(disposition);
    expect(answer.headers.get('content-type')).toBe('image/x-own');
  });

  test('serves a range', async () => {
    await put('signed', '0123456789');
    const answer = await fetch(await sign({}), { headers: { range: 'bytes=2-3' } });
    expect([answer.status, await answer.text()]).toEqual([206, '23']);
  });

  test('cannot smuggle a header', async () => {
    await put('signed', 'x');
    const answer = await fetch(await sign({ ResponseContentType: 'a\r\nset-cookie: b' }));
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('InvalidArgument')]);
  });

  test('stores what is put to it, and refuses what it carries beyond that', async () => {
    const store = async (more: object) =>
      (await fetch(await signPut('signed-put', more), { method: 'PUT', body: 'by URL' })).status;
    expect(await store({})).toBe(200);
    expect(await text('signed-put')).toBe('by URL');
    expect(await store({ Tagging: 'stage=upload' })).toBe(501);
  });
});

describe('the rest', () => {
  test('lists keys in order, by prefix, level and page', async () => {
    for (const key of ['list/b', 'list/a', 'list/deep/1', 'list/deep/2']) await put(key, 'x');
    const list = (more: object) =>
      local.client('Lister').send(new ListObjectsV2Command({ Bucket, Prefix: 'list/', ...more }));
    const page = await list({ Delimiter: '/' });
    expect(page.Contents?.map(({ Key }) => Key)).toEqual(['list/a', 'list/b']);
    expect(page.CommonPrefixes).toEqual([{ Prefix: 'list/deep/' }]);
    const first = await list({ MaxKeys: 3 });
    expect(first).toMatchObject({ KeyCount: 3, IsTruncated: true });
    const rest = await list({ ContinuationToken: first.NextContinuationToken });
    expect(rest.Contents?.map(({ Key }) => Key)).toEqual(['list/deep/2']);
    expect(rest.IsTruncated).toBe(false);
  });

  test('lists with what was asked, names encoded and owners told where that was asked', async () => {
    await put('asked/ä b/1', 'x');
    const command = new ListObjectsV2Command({
      Bucket,
      Prefix: 'asked/',
      Delimiter: '/b',
      StartAfter: 'asked/',
      EncodingType: 'url',
      FetchOwner: true,
    });
    const page = await local.client('Lister').send(command);
    expect(page).toMatchObject({ Delimiter: '/b', StartAfter: 'asked/', EncodingType: 'url' });
    expect(page.Contents).toMatchObject([{ Key: 'asked/%C3%A4+b/1', Owner: { ID: expect.any(String) } }]);
    const next = new ListObjectsV2Command({ Bucket, Prefix: 'asked/', ContinuationToken: 'YQ' });
    expect(await local.client('Lister').send(next)).toMatchObject({ ContinuationToken: 'YQ' });
  });

  test('tells that objects are encrypted, and gives a refusal one request id', async () => {
    const written = await put('encrypted', 'x');
    const read = await get('encrypted');
    expect([written, read].map((answer) => answer.ServerSideEncryption)).toEqual(['AES256', 'AES256']);
    const answer = await fetch(`${local.url}/photos/missing`);
    expect(await answer.text()).toContain(`<RequestId>${answer.headers.get('x-amz-request-id')}</RequestId>`);
  });

  test('says which call it does not have', async () => {
    const command = new ListObjectVersionsCommand({ Bucket });
    await expect(local.client().send(command)).rejects.toMatchObject({
      ...refused('NotImplemented', 501),
      message: expect.stringContaining('GET versions'),
    });
    await expect(get('read', { VersionId: '1' })).rejects.toMatchObject(refused('NotImplemented', 501));
    const elsewhere = new GetObjectCommand({ Bucket: 'elsewhere', Key: 'x' });
    await expect(local.client().send(elsewhere)).rejects.toMatchObject(refused('NoSuchBucket', 404));
  });
});
