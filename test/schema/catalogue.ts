/**
 * What a database's schema holds, each part as a line of text, so that two schemas can be compared
 * part by part.
 */
import type { ClientBase } from 'pg';

/**
 * One part, and how it is defined: `column orders.id`, `uuid not null default gen_random_uuid()`.
 */
export type Part = { name: string; definition: string };

/**
 * Indexes that a constraint brings along are the constraint; the parts of a table that is itself an
 * addition can be left out.
 */
export async function catalogue(client: ClientBase, schema: string): Promise<Part[]> {
  await client.query(`set search_path to ${schema}`);
  const { rows } = await client.query<Part>(parts, [schema]);
  // An index's definition names the schema whatever the search path.
  return rows.map(({ name, definition }) => ({ name, definition: definition.replaceAll(`${schema}.`, '') }));
}

const parts = `
with relation as (
  select oid, relname as table_name from pg_class
  where relnamespace = $1::regnamespace and relkind in ('r', 'p') and not relispartition
)
select 'table ' || table_name as name, 'a table' as definition from relation
union all
select
  'column ' || table_name || '.' || attname,
  concat_ws(' ', format_type(atttypid, atttypmod), case when attnotnull then 'not null' end,
    'default ' || pg_get_expr(adbin, adrelid))
from relation
join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
left join pg_attrdef on adrelid = attrelid and adnum = attnum
union all
select 'constraint ' || table_name || '.' || conname, pg_get_constraintdef(pg_constraint.oid)
from relation join pg_constraint on conrelid = relation.oid and contype <> 't'
union all
select 'index ' || table_name || '.' || index.relname, pg_get_indexdef(indexrelid)
from relation
join pg_index on indrelid = relation.oid
join pg_class as index on index.oid = indexrelid
where not exists (select from pg_constraint where conindid = indexrelid and conrelid = relation.oid)
union all
select distinct 'trigger ' || tgname, 'a trigger'
from relation join pg_trigger on tgrelid = relation.oid and not tgisinternal
union all
select 'function ' || proname, 'a function' from pg_proc where pronamespace = $1::regnamespace
union all
select 'sequence ' || relname, 'a sequence' from pg_class where relnamespace = $1::regnamespace and relkind = 'S'
union all
select 'view ' || relname, 'a view' from pg_class where relnamespace = $1::regnamespace and relkind = 'v'
order by name`;
