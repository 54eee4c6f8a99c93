/** docs/openapi.yaml as data: read strictly, and held against what the API answers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { z } from 'zod';

const text = z.string().min(1);
const schema = z.record(text, z.unknown());
const example = z.unknown().refine((value) => value !== undefined, 'needs an example');
const reference = z.strictObject({ $ref: z.string().startsWith('#/components/') });
const header = z.strictObject({ description: text, required: z.literal(true), schema, example });
const content = z.record(text, z.strictObject({ schema, example }));
const response = z.strictObject({
  description: text,
  headers: z.record(text, z.union([reference, header])).optional(),
  content: content.optional(),
});
const parameter = z.strictObject({
  name: text,
  in: z.enum(['path', 'header']),
  required: z.literal(true),
  description: text.optional(),
  schema,
  example: z.unknown().optional(),
});
const operation = z.strictObject({
  operationId: text,
  tags: z.array(text).length(1),
  summary: text,
  description: text.optional(),
  security: z.array(z.record(text, z.array(text))).optional(),
  parameters: z.array(z.union([reference, parameter])).optional(),
  requestBody: z
    .strictObject({ required: z.literal(true), description: text.optional(), content })
    .optional(),
  responses: z.record(z.string().regex(/^\d{3}$/), z.union([reference, response])),
});
/** OpenAPI 3.1, as much of it as the document uses. */
const openapi = z.strictObject({
  openapi: z.literal('3.1.0'),
  info: z.strictObject({
    title: text,
    version: text,
    summary: text,
    description: text,
    license: z.strictObject({ name: text, identifier: text }),
  }),
  servers: z.array(
    z.strictObject({
      url: text,
      description: text,
      variables: z.record(text, z.strictObject({ default: text })),
    }),
  ),
  tags: z.array(z.strictObject({ name: text, description: text })),
  security: z.tuple([]),
  paths: z.record(
    z.string().startsWith('/'),
    z.strictObject({
      get: operation.optional(),
      head: operation.optional(),
      post: operation.optional(),
      'x-amazon-apigateway-any-method': operation.optional(),
    }),
  ),
  components: z.strictObject({
    securitySchemes: z.record(
      text,
      z.strictObject({ type: z.literal('http'), scheme: z.literal('bearer'), description: text }),
    ),
    headers: z.record(text, header),
    parameters: z.record(text, parameter),
    responses: z.record(text, response),
    schemas: z.record(text, schema),
  }),
});

type Operation = z.infer<typeof operation>;
export type Documented = {
  /** As the stack has it: `POST /api/upload`, `$default`. */
  routeKey: string;
  operation: Operation;
  /** Where its responses are, as a JSON pointer in a URI. */
  pointer: string;
};

const source = schema.parse(
  parse(readFileSync(join(import.meta.dirname, '../../docs/openapi.yaml'), 'utf8')),
);
/** Throws where it is not OpenAPI. */
export const readDocument = () => openapi.parse(source);
const { paths, components } = readDocument();

const ajv = new Ajv2020({ strictTypes: false, strictRequired: false, allErrors: true });
addFormats.default(ajv);
// To Ajv the whole document is one schema, whose parts it can point at.
ajv.addVocabulary(Object.keys(source));
ajv.addSchema(source, 'openapi');

const encoded = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

export const operations: Documented[] = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).flatMap(([method, found]) => {
    if (!found) return [];
    const routeKey = path === '/$default' ? '$default' : `${method.toUpperCase()} ${path}`;
    return [{ routeKey, operation: found, pointer: `/paths/${encoded(path)}/${method}` }];
  }),
);

/** What the schema at that place has against the value; nothing, if it fits. */
export function complaints(pointer: string, value: unknown): string[] {
  const validate = ajv.getSchema(`openapi#${pointer}`);
  if (!validate) throw new Error(`There is no schema at ${pointer}.`);
  return validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || 'it'} ${message}`);
}

const isReference = (value: object): value is z.infer<typeof reference> => '$ref' in value;

export function responseOf({ operation: { responses }, pointer }: Documented, status: string) {
  const found = responses[status];
  if (!found) return undefined;
  if (!isReference(found)) return { ...found, pointer: `${pointer}/responses/${status}` };
  const target = components.responses[found.$ref.split('/').at(-1) ?? ''];
  return target && { ...target, pointer: found.$ref.slice(1) };
}

export type DocumentedResponse = NonNullable<ReturnType<typeof responseOf>>;

export function headersOf({ headers = {}, pointer }: DocumentedResponse) {
  return Object.entries(headers).map(([name, value]) => {
    const at = isReference(value) ? value.$ref.slice(1) : `${pointer}/headers/${encoded(name)}`;
    return { name, pointer: `${at}/schema` };
  });
}

export const schemaAt = (at: string, mediaType: string) => `${at}/content/${encoded(mediaType)}/schema`;

/**
 * The operation that answers, as API Gateway chooses it: a word before a variable, else the
 * default.
 */
export function operationFor(method: string, path: string): Documented {
  const fits = ({ routeKey }: Documented) =>
    new RegExp(`^${routeKey.replace('$', '\\$').replace(/\{\w+\}/g, '[^/]+')}$`).test(`${method} ${path}`);
  const variables = ({ routeKey }: Documented) => routeKey.split('{').length;
  const [best] = operations.filter(fits).sort((a, b) => variables(a) - variables(b));
  const found = best ?? operations.find(({ routeKey }) => routeKey === '$default');
  if (!found) throw new Error('The document says nothing of other routes.');
  return found;
}
