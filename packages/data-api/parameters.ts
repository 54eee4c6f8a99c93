/** Named parameters as the Data API takes them: `:name` becomes `$n`, cast to its value's type. */
import { z } from 'zod';
import { sqlTokens } from './sql-tokens.ts';

const value = z.union([
  z.strictObject({ isNull: z.literal(true) }),
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ longValue: z.int() }),
  z.strictObject({ doubleValue: z.number() }),
  z.strictObject({ booleanValue: z.boolean() }),
  z.strictObject({ blobValue: z.base64() }),
  z.strictObject({ arrayValue: z.unknown() }),
]);

export const parameter = z.strictObject({
  name: z.string().min(1),
  value,
  typeHint: z.enum(['DATE', 'DECIMAL', 'JSON', 'TIME', 'TIMESTAMP', 'UUID']).optional(),
});
export type Parameter = z.infer<typeof parameter>;

const hintedTypes = {
  DATE: 'date',
  DECIMAL: 'numeric',
  JSON: 'jsonb',
  TIME: 'time',
  TIMESTAMP: 'timestamp',
  UUID: 'uuid',
} as const;

/** Parameters that the Data API refuses, in its words. */
export class ParameterError extends Error {}

/** A statement that PostgreSQL understands, and the names behind `$1`, `$2` … */
export type Rewritten = { text: string; names: string[] };

/**
 * Rewrites `:name` outside of quotes and comments.
 * @param typeOf what that parameter is cast to; undefined leaves the type to PostgreSQL
 */
export function rewriteParameters(sql: string, typeOf: (name: string) => string | undefined): Rewritten {
  const names: string[] = [];
  const text = sqlTokens(sql).map((token) => {
    if (token.kind !== 'parameter') return token.text;
    const name = token.text.slice(1);
    if (!names.includes(name)) names.push(name);
    const type = typeOf(name);
    return `$${names.indexOf(name) + 1}${type === undefined ? '' : `::${type}`}`;
  });
  return { text: text.join(''), names };
}

/** The statement with its parameters bound: a null is bare, everything else cast. */
export function bindParameters(
  sql: string,
  parameters: Parameter[],
): { text: string; values: (string | Buffer | null)[] } {
  const byName = new Map(parameters.map((one) => [one.name, bound(one)]));
  const find = (name: string) => {
    const found = byName.get(name);
    if (!found) throw new ParameterError(`Cannot find parameter: ${name}`);
    return found;
  };
  const { text, names } = rewriteParameters(sql, (name) => find(name).type);
  return { text, values: names.map((name) => find(name).value) };
}

function bound({ name, value, typeHint }: Parameter): { type?: string; value: string | Buffer | null } {
  if ('isNull' in value) return typeHint ? { type: hintedTypes[typeHint], value: null } : { value: null };
  if ('longValue' in value) return { type: 'int8', value: String(value.longValue) };
  if ('doubleValue' in value) return { type: 'float8', value: String(value.doubleValue) };
  if ('booleanValue' in value) return { type: 'bool', value: String(value.booleanValue) };
  if ('blobValue' in value) return { type: 'bytea', value: Buffer.from(value.blobValue, 'base64') };
  if ('stringValue' in value)
    return { type: typeHint ? hintedTypes[typeHint] : 'text', value: value.stringValue };
  throw new ParameterError(`Array parameters are not supported: ${name}`);
}
