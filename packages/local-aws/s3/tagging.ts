/** GetObjectTagging and PutObjectTagging. */
import { findObject } from './access.ts';
import { nameOf, type Operation } from './catalogue.ts';
import { noSuchKey } from './errors.ts';
import { readXml } from './intake.ts';
import { documentOfTags, tagContext, taggingDocument, tagsOfDocument } from './tags.ts';
import { xmlAnswer } from './xml.ts';

/** GetObjectTagging. */
export const getTagging: Operation = async (s3, request) => {
  const { tags } = findObject(s3, request.call, request, 's3:GetObjectTagging');
  return xmlAnswer('Tagging', documentOfTags(tags));
};

/** PutObjectTagging. */
export const putTagging: Operation = async (s3, request) => {
  const tags = tagsOfDocument(await readXml(request, taggingDocument));
  findObject(s3, request.call, request, 's3:PutObjectTagging', tagContext('RequestObjectTag', tags));
  const record = s3.objects.get(nameOf(request));
  if (!record) throw noSuchKey(request.key);
  await s3.objects.put(nameOf(request), { ...record, tags });
  return { status: 200 };
};
