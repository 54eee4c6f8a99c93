/** Asks PostgreSQL what a statement takes and returns, without running it. */
import type pg from 'pg';

export type Description = {
  /** Type names of `$1`, `$2` … */
  parameters: string[];
  columns: Column[];
};

export type Column = {
  name: string;
  /** As in the catalog: `int4`, `_text`. */
  type: string;
  /** Whether it comes straight from a column that is declared not null. */
  notNull: boolean;
};

type Answer = { parameterIds: number[]; fields: pg.FieldDef[] };

/** Parse and Describe, of which pg makes no use of its own. */
function ask(client: pg.Client, text: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const said: Answer = { parameterIds: [], fields: [] };
    const takeParameters = ({ dataTypeIDs }: { dataTypeIDs: number[] }) => {
      said.parameterIds = dataTypeIDs;
    };
    client.query({
      submit(connection: pg.Connection) {
        connection.once('parameterDescription', takeParameters);
        connection.parse({ name: '', text, types: [] }, true);
        connection.describe({ type: 'S', name: '' }, true);
        connection.sync();
      },
      handleRowDescription({ fields }: { fields: pg.FieldDef[] }) {
        said.fields = fields;
      },
      handleError(error: Error) {
        client.connection.off('parameterDescription', takeParameters);
        reject(error);
      },
      handleReadyForQuery: () => resolve(said),
    });
  });
}

const typeNames = 'select oid::int8 as id, typname as name from pg_type where oid = any ($1::oid[])';

const notNullColumns = `
  select attrelid || '.' || attnum as id from pg_attribute where attnotnull and attrelid = any ($1::oid[])`;

/**
 * @param sql with `$n` parameters
 * @throws PostgreSQL's error when the statement makes no sense to it
 */
export async function describeStatement(client: pg.Client, sql: string): Promise<Description> {
  const { parameterIds, fields } = await ask(client, sql);
  const typeIds = [...parameterIds, ...fields.map(({ dataTypeID }) => dataTypeID)];
  const types = await client.query<{ id: string; name: string }>(typeNames, [typeIds]);
  const nameOf = new Map(types.rows.map(({ id, name }) => [Number(id), name]));
  const tables = await client.query<{ id: string }>(notNullColumns, [fields.map(({ tableID }) => tableID)]);
  const notNull = new Set(tables.rows.map(({ id }) => id));
  const typeName = (id: number) => nameOf.get(id) ?? 'unknown';
  return {
    parameters: parameterIds.map(typeName),
    columns: fields.map(({ name, dataTypeID, tableID, columnID }) => ({
      name,
      type: typeName(dataTypeID),
      notNull: notNull.has(`${tableID}.${columnID}`),
    })),
  };
}
