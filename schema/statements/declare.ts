/**
 * Writes the types of a statement: what its `.sql` file takes and returns, as TypeScript sees it.
 */
import { basename } from 'node:path';
import { camelCase, rewriteParameters, snakeCase, sqlTokens } from '@restoreclick/data-api';
import type pg from 'pg';
import { type Column, type Description, describeStatement } from './describe.ts';

/**
 * The declaration of one `.sql` file:
 * - a column may be null unless it comes straight from a NOT NULL column (of a statement without
 *   outer joins), or its alias ends in `!`;
 * - a parameter takes no null unless a comment line says `-- :name may be null`; one of type json
 *   takes JSON text;
 * - `:actor` is nobody's to give: the database client says which step it is.
 * @throws Error saying what to change, when the statement would not run as the Data API rewrites it
 */
export async function declareStatement(client: pg.Client, path: string, sql: string): Promise<string> {
  const nullable = nullableParameters(sql);
  try {
    const parameters = await parametersOf(client, sql);
    const castOf = (name: string) => dataApiCasts[typeOf(parameters.get(name))];
    const { columns } = await describeAs(client, sql, castOf);
    for (const name of nullable) {
      if (!parameters.has(name))
        throw new Error(`It says that :${name} may be null, but has no such parameter.`);
    }
    if (nullable.length > 0)
      await describeAs(client, sql, (name) => (nullable.includes(name) ? undefined : castOf(name)));
    return declaration(path, { parameters, nullable, columns: nullability(sql, columns) });
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : error}${adviceFor(error)}`);
  }
}

/** What a value is in TypeScript, for a type of PostgreSQL. */
function typeOf(postgresType = 'text'): 'number' | 'boolean' | 'string' {
  if (/^(int[248]|float[48]|oid)$/.test(postgresType)) return 'number';
  return postgresType === 'bool' ? 'boolean' : 'string';
}

/** How the Data API casts a parameter of that kind. */
const dataApiCasts = { number: 'int8', boolean: 'bool', string: 'text' } as const;

function columnType(postgresType: string): string {
  if (postgresType.startsWith('_')) return `${columnType(postgresType.slice(1))}[]`;
  return /^jsonb?$/.test(postgresType) ? 'unknown' : typeOf(postgresType);
}

function nullableParameters(sql: string): string[] {
  return [...sql.matchAll(/^-- :(\w+) may be null$/gm)].map(([, name = '']) => name);
}

/**
 * Each parameter's type by what PostgreSQL infers where it stands; where it stands twice, the first
 * place decides.
 */
async function parametersOf(client: pg.Client, sql: string): Promise<Map<string, string>> {
  let places = 0;
  const apart = sqlTokens(sql)
    .map(({ kind, text }) => (kind === 'parameter' ? `${text}__${places++}` : text))
    .join('');
  const { text, names } = rewriteParameters(apart, () => undefined);
  const { parameters } = await describeStatement(client, text);
  const types = new Map<string, string>();
  for (const [at, place] of names.entries()) {
    const name = place.replace(/__\d+$/, '');
    if (snakeCase(camelCase(name)) !== name) throw new Error(`The parameter :${name} is not snake_case.`);
    const type = parameters[at] ?? 'text';
    if (typeOf(types.get(name) ?? type) !== typeOf(type)) {
      throw new Error(`:${name} is ${types.get(name)} in one place and ${type} in another: cast it.`);
    }
    if (!types.has(name)) types.set(name, type);
  }
  return types;
}

async function describeAs(
  client: pg.Client,
  sql: string,
  castOf: (name: string) => string | undefined,
): Promise<Description> {
  return describeStatement(client, rewriteParameters(sql, castOf).text);
}

/** An outer join can make a null of any column; nobody tells which. */
function nullability(sql: string, columns: Column[]): Column[] {
  const words = sqlTokens(sql).filter(({ kind }) => kind === 'word');
  const hasOuterJoin = words.some(
    ({ text }, at) =>
      /^(left|right|full)$/i.test(text) &&
      words.slice(at + 1, at + 3).some((next) => /^join$/i.test(next.text)),
  );
  return columns.map((column) => ({
    ...column,
    notNull: column.name.endsWith('!') || (column.notNull && !hasOuterJoin),
  }));
}

function adviceFor(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === '42P18') return ' Say which type it has: :name::text.';
  const isMismatch = ['42883', '42804', '42846', '42P08'].includes(String(code));
  return isMismatch ? ' The Data API sends strings as text: cast the parameter, :name::uuid.' : '';
}

function declaration(
  path: string,
  {
    parameters,
    nullable,
    columns,
  }: { parameters: Map<string, string>; nullable: string[]; columns: Column[] },
): string {
  const orNull = (type: string, isNullable: boolean) =>
    isNullable && type !== 'unknown' ? `${type} | null` : type;
  const given = [...parameters].filter(([name]) => name !== 'actor');
  const takes = given.map(
    ([name, type]) => `${camelCase(name)}: ${orNull(typeOf(type), nullable.includes(name))}`,
  );
  const returns = columns.map(
    ({ name, type, notNull }) => `${camelCase(name)}: ${orNull(columnType(type), !notNull)}`,
  );
  const twice = returns.find((one, at) => returns.indexOf(one) !== at);
  if (twice !== undefined) throw new Error(`It returns ${twice} twice.`);
  return `/** Written by \`npm run statements\` from ${basename(path)}. */
import type { Statement } from '../../../schema/statements/statement.ts';

export declare const ${moduleName(path)}: Statement<${shape(takes)}, ${shape(returns)}>;
`;
}

/** As `sqlModule` exports it. */
const moduleName = (path: string) => camelCase(basename(path, '.sql').replaceAll('-', '_'));

const shape = (members: string[]) =>
  members.length === 0 ? 'Record<never, never>' : `{\n${members.map((one) => `  ${one};\n`).join('')}}`;
