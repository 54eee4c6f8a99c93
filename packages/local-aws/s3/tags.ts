/** Object tags: in headers, in XML, and as condition keys of a policy. */
import { z } from 'zod';
import { AwsError } from '../gateway/index.ts';

export type Tags = Record<string, string>;

/** `<Tagging><TagSet><Tag>…`, as parsed; an empty set is empty text. */
export const taggingDocument = z.object({
  Tagging: z.object({
    TagSet: z.union([
      z
        .string()
        .regex(/^\s*$/)
        .transform(() => []),
      z
        .object({ Tag: z.array(z.object({ Key: z.string(), Value: z.string() })) })
        .transform(({ Tag }) => Tag),
    ]),
  }),
});

const invalidTag = (message: string) => new AwsError('InvalidTag', message);

function tagsOf(pairs: [string, string][]): Tags {
  if (pairs.length > 10) throw new AwsError('BadRequest', 'Object tags cannot be greater than 10');
  for (const [key, value] of pairs) {
    if (key.length < 1 || key.length > 128) throw invalidTag('The TagKey you have provided is invalid');
    if (value.length > 256) throw invalidTag('The TagValue you have provided is invalid');
  }
  if (new Set(pairs.map(([key]) => key)).size < pairs.length)
    throw invalidTag('Cannot provide multiple Tags with the same key');
  return Object.fromEntries(pairs);
}

/** Tags as `x-amz-tagging` has them: `a=1&b=2`, percent-encoded. */
export function tagsOfHeader(header: string | undefined): Tags {
  return tagsOf([...new URLSearchParams(header ?? '')]);
}

/** Tags as a parsed Tagging document has them. */
export function tagsOfDocument(document: z.infer<typeof taggingDocument>): Tags {
  return tagsOf(document.Tagging.TagSet.map(({ Key, Value }) => [Key, Value]));
}

/** The content of a Tagging document. */
export function documentOfTags(tags: Tags): Record<string, unknown> {
  return { TagSet: { Tag: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) } };
}

/** Condition keys for the tags that a request sets, or that the object has. */
export function tagContext(
  kind: 'RequestObjectTag' | 'ExistingObjectTag',
  tags: Tags,
): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [`s3:${kind}/${key}`, value]));
}
