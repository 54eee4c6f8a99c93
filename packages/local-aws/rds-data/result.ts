/** Results as the Data API words them: fields by type, column metadata, and its limits of size. */
import pg from 'pg';
import { AwsError } from '../gateway/index.ts';
import type { Catalog, ColumnType } from './catalog.ts';

export type Field =
  | { isNull: true }
  | { stringValue: string }
  | { longValue: number }
  | { doubleValue: number }
  | { booleanValue: boolean }
  | { blobValue: string }
  | { arrayValue: Record<string, unknown[]> };

export type ColumnMetadata = {
  name: string;
  label: string;
  typeName: string;
  /** As in JDBC: 0 no, 1 yes, 2 not known. */
  nullable: 0 | 1 | 2;
};

/** `records` if the statement returns any, even none this time. */
export type Answer = {
  numberOfRecordsUpdated: number;
  records?: Field[][];
  columnMetadata?: ColumnMetadata[];
  generatedFields?: never[];
};

/** What PostgreSQL sent, every value as text. */
export type TextResult = pg.QueryArrayResult<(string | null)[]>;

const longestResponse = 1024 ** 2;
const longestRow = 64 * 1024;

/** pg's own conversions are switched off: the Data API has others. */
export const asText: pg.CustomTypesConfig = { getTypeParser: () => (text: string) => text };

const textArray: number = 1009;
const parseArray: (text: string) => unknown[] = pg.types.getTypeParser(textArray);

/** The answer to one statement: its records if it returns any, else how many rows it changed. */
export async function answerOf(result: TextResult, catalog: Catalog, withMetadata: boolean): Promise<Answer> {
  if (result.fields.length === 0) {
    return { numberOfRecordsUpdated: result.rowCount ?? 0, generatedFields: [] };
  }
  const types = await catalog.types(result.fields.map(({ dataTypeID }) => dataTypeID));
  const records = result.rows.map((row) =>
    row.map((text, column) => field(text, types[column] ?? { name: 'text' })),
  );
  const answer = {
    numberOfRecordsUpdated: 0,
    records,
    ...(withMetadata ? { columnMetadata: await metadata(result.fields, types, catalog) } : {}),
  };
  checkSize(answer, records);
  return answer;
}

async function metadata(
  fields: pg.FieldDef[],
  types: ColumnType[],
  catalog: Catalog,
): Promise<ColumnMetadata[]> {
  const nullable = await catalog.nullable(fields);
  return fields.map(({ name }, column) => ({
    name,
    label: name,
    typeName: types[column]?.name ?? 'text',
    nullable: nullable[column] ?? 2,
  }));
}

function checkSize(answer: object, records: Field[][]): void {
  if (records.some((record) => Buffer.byteLength(JSON.stringify(record)) > longestRow)) {
    throw new AwsError('UnsupportedResultException', 'The result contains a row of more than 64 KB.');
  }
  if (Buffer.byteLength(JSON.stringify(answer)) > longestResponse) {
    throw new AwsError(
      'UnsupportedResultException',
      'Database returned more than the allowed response size limit',
    );
  }
}

function field(text: string | null, type: ColumnType): Field {
  if (text === null) return { isNull: true };
  if (type.element !== undefined) return { arrayValue: arrayValue(text, type.element) };
  switch (type.name) {
    case 'bool':
      return { booleanValue: text === 't' };
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
      return { longValue: Number(text) };
    case 'float4':
    case 'float8':
      return { doubleValue: Number(text) };
    case 'bytea':
      return { blobValue: Buffer.from(text.slice(2), 'hex').toString('base64') };
    case 'timestamptz':
      return { stringValue: text.replace(/\+00$/, '') }; // always in UTC, and without saying so
    default:
      return { stringValue: text };
  }
}

/** Elements by their kind; an element may be null. */
function arrayValue(text: string, element: string): Record<string, unknown[]> {
  const elements = parseArray(text);
  if (elements.some(Array.isArray)) {
    throw new AwsError('UnsupportedResultException', 'The result contains a multidimensional array.');
  }
  const convert = (one: unknown) =>
    typeof one === 'string' ? Object.values(field(one, { name: element }))[0] : null;
  return { [`${kindOf(element)}Values`]: elements.map(convert) };
}

function kindOf(element: string): string {
  const [member = ''] = Object.keys(field('0', { name: element }));
  return member === 'blobValue' ? 'string' : member.replace(/Value$/, '');
}
