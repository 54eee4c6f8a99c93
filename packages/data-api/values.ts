/**
 * Names and values for the Data API and back: snake_case and fields there, camelCase and values
 * here.
 */
import type { ColumnMetadata, Field, SqlParameter } from '@aws-sdk/client-rds-data';

/** What a statement takes. Lists and objects go as JSON text, converted there: `:ids::jsonb`. */
export type Value = string | number | boolean | null;

/** `total_amount!` → `totalAmount`; the `!` only says that the column is never null. */
export function camelCase(column: string): string {
  return column.replace(/!$/, '').replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** `orderId` → `order_id` */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function toParameters(values: Record<string, Value>): SqlParameter[] {
  return Object.entries(values).map(([name, value]) => ({ name: snakeCase(name), value: toField(value) }));
}

function toField(value: Value): Field {
  if (value === null) return { isNull: true };
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'number':
      return Number.isSafeInteger(value) ? { longValue: value } : { doubleValue: value };
    case 'boolean':
      return { booleanValue: value };
  }
}

/**
 * Rows as objects: numeric, uuid and dates are strings, timestamps ISO 8601, json is parsed.
 * @param columns the result's metadata, which names them
 */
export function toRows(
  records: Field[][],
  columns: Pick<ColumnMetadata, 'label' | 'name' | 'typeName'>[],
): Record<string, unknown>[] {
  const readers = columns.map(({ label, name, typeName }) => ({
    name: camelCase(label ?? name ?? ''),
    read: (field: Field) => fromField(field, typeName ?? ''),
  }));
  return records.map((record) =>
    Object.fromEntries(
      readers.map(({ name, read }, at) => [name, read(record[at] ?? { isNull: true })] as const),
    ),
  );
}

function fromField(field: Field, type: string): unknown {
  if (field.isNull) return null;
  if (field.arrayValue) return Object.values(field.arrayValue)[0];
  const value = field.stringValue ?? field.longValue ?? field.doubleValue ?? field.booleanValue;
  if (typeof value !== 'string') return value;
  if (type === 'json' || type === 'jsonb') return JSON.parse(value);
  // The Data API answers in UTC without saying so.
  if (type === 'timestamptz') return `${value.replace(' ', 'T')}Z`;
  return value;
}
