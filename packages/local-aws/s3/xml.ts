/** S3's XML, read and written. */
import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import type { z } from 'zod';
import type { AwsAnswer } from '../gateway/index.ts';
import { malformedXml } from './errors.ts';

const lists = new Set(['Part', 'Tag']);
const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@' });
const parser = new XMLParser({
  ignoreDeclaration: true,
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => lists.has(name),
});

const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** An answer whose body is `content` in S3's namespace; arrays repeat their element. */
export function xmlAnswer(
  root: string,
  content: Record<string, unknown>,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): AwsAnswer {
  const document = { [root]: { '@xmlns': 'http://s3.amazonaws.com/doc/2006-03-01/', ...content } };
  return {
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body: declaration + builder.build(document),
  };
}

/** White space between elements is no content. */
function withoutLayout(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutLayout);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== '#text')
      .map(([name, inner]) => [name, withoutLayout(inner)]),
  );
}

/** Parses `text`; elements named Part or Tag are arrays, values strings. Throws MalformedXML. */
export function parseXml<T>(text: string, schema: z.ZodType<T>): T {
  let document: unknown;
  try {
    document = withoutLayout(parser.parse(text));
  } catch {
    throw malformedXml();
  }
  const parsed = schema.safeParse(document);
  if (!parsed.success) throw malformedXml();
  return parsed.data;
}

/** As S3 encodes keys in events and listings: a form's encoding, slashes left alone. */
export const urlEncoded = (key: string) =>
  encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+');
