/** What results need to know of the database's types and columns, read once each. */
import type { FieldDef, Pool } from 'pg';

/** A type's name in PostgreSQL's catalog (`int4`, `_text`), and that of an array's elements. */
export type ColumnType = { name: string; element?: string };

export type Catalog = {
  /** @param ids type ids, as results carry them */
  types(ids: number[]): Promise<ColumnType[]>;
  /** Of each field: 0 for a column that is never null, 1 for another, 2 for no column. */
  nullable(fields: Pick<FieldDef, 'tableID' | 'columnID'>[]): Promise<(0 | 1 | 2)[]>;
};

const typeNames = `
  select t.oid::int8 as id, t.typname as name, e.typname as element
  from pg_type t
  left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
  where t.oid = any ($1::oid[])`;

const notNulls = `
  select attrelid::int8 as "table", attnum::int as "column"
  from pg_attribute
  where attnotnull and attrelid = any ($1::oid[])`;

/** @param pool may read the catalog. Types are remembered; columns may change, and are not. */
export function createCatalog(pool: Pool): Catalog {
  const known = new Map<number, ColumnType>();

  return {
    async types(ids) {
      const unknown = [...new Set(ids)].filter((id) => !known.has(id));
      if (unknown.length > 0) {
        type Row = { id: string; name: string; element: string | null };
        const { rows } = await pool.query<Row>(typeNames, [unknown]);
        for (const { id, name, element } of rows) {
          known.set(Number(id), element === null ? { name } : { name, element });
        }
      }
      return ids.map((id) => known.get(id) ?? { name: 'text' });
    },
    async nullable(fields) {
      const tables = [...new Set(fields.map(({ tableID }) => tableID))].filter((id) => id !== 0);
      if (tables.length === 0) return fields.map(() => 2);
      const { rows } = await pool.query<{ table: string; column: number }>(notNulls, [tables]);
      const filled = new Set(rows.map(({ table, column }) => `${table}.${column}`));
      return fields.map(({ tableID, columnID }) =>
        tableID === 0 ? 2 : filled.has(`${tableID}.${columnID}`) ? 0 : 1,
      );
    },
  };
}
