/**
 * Uploads in parts that are neither complete nor aborted, for who looks for what a killed program
 * has left.
 */
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { allow, type OpenedS3, openS3, refused } from './s3-setup.ts';

const Bucket = 'photos';

let local: OpenedS3;
beforeAll(async () => {
  const object = allow(['s3:PutObject'], ['arn:aws:s3:::photos/*']);
  const bucket = allow(['s3:ListBucketMultipartUploads'], ['arn:aws:s3:::photos']);
  local = await openS3({ policies: { Writer: [object], Lister: [bucket] } });
});
afterAll(async () => {
  await local.close();
  expect(local.faults).toEqual([]);
});

test('unfinished uploads are listed by their key, to who may list those of the bucket', async () => {
  const begin = async (Key: string) =>
    (await local.client().send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId;
  const [one, another] = [await begin('archives/one'), await begin('archives/another')];
  await begin('elsewhere');
  const listed = async (caller: string) => {
    const list = new ListMultipartUploadsCommand({ Bucket, Prefix: 'archives/' });
    const { Uploads = [] } = await local.client(caller).send(list);
    return Uploads.map(({ Key, UploadId }) => ({ Key, UploadId }));
  };
  expect(await listed('Lister')).toEqual([
    { Key: 'archives/another', UploadId: another },
    { Key: 'archives/one', UploadId: one },
  ]);
  const abort = new AbortMultipartUploadCommand({ Bucket, Key: 'archives/another', UploadId: another });
  await local.client().send(abort);
  expect(await listed('Lister')).toEqual([{ Key: 'archives/one', UploadId: one }]);
  await expect(listed('Writer')).rejects.toMatchObject(refused('AccessDenied', 403));
});
