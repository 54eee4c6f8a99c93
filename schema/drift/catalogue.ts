/**
 * What a database's schema consists of, as lines that can be compared: one for each column,
 * constraint, index, trigger, function and right.
 */
import type { Execute } from '../migrate/database-port.ts';

/** The migrations' own table is not of the migrations; partitions come and go with the months. */
const catalogue = `
  with ours as (
    select pg_class.oid, relname, relkind, relowner, relacl from pg_class
    where relnamespace = 'restoreclick'::regnamespace and not relispartition and relname not like 'schema\\_migrations%'
  )
  select 'column ' || relname || '.' || attname as name,
    concat_ws(' ', format_type(atttypid, atttypmod), case when attnotnull then 'not null' end,
      'default ' || pg_get_expr(adbin, adrelid), nullif(attidentity, '')) as definition
  from ours
  join pg_attribute on attrelid = ours.oid and attnum > 0 and not attisdropped
  left join pg_attrdef on adrelid = ours.oid and adnum = attnum
  where relkind in ('r', 'p', 'v', 'm')
  union all
  select 'constraint ' || relname || '.' || conname, pg_get_constraintdef(pg_constraint.oid) || case when convalidated then '' else ' not valid' end
  from ours join pg_constraint on conrelid = ours.oid
  where contype <> 'n'
  union all
  select 'index ' || relname, pg_get_indexdef(ours.oid) || case when indisvalid then '' else ' (not valid)' end
  from ours join pg_index on indexrelid = ours.oid
  union all
  select 'trigger ' || relname || '.' || tgname, pg_get_triggerdef(pg_trigger.oid) || case tgenabled when 'O' then '' else ' (disabled)' end
  from ours join pg_trigger on tgrelid = ours.oid
  where not tgisinternal
  union all
  select 'view ' || relname, pg_get_viewdef(ours.oid) from ours where relkind in ('v', 'm')
  union all
  select 'sequence ' || relname, format_type(seqtypid, null) || ' by ' || seqincrement || case when seqcycle then ' cycle' else '' end
  from ours join pg_sequence on seqrelid = ours.oid
  union all
  select 'function ' || proname || '(' || pg_get_function_identity_arguments(oid) || ')', pg_get_functiondef(oid)
  from pg_proc where pronamespace = 'restoreclick'::regnamespace and prokind in ('f', 'p')
  union all
  select 'right of ' || told.grantee || ' on ' || name, string_agg(privilege, ', ' order by privilege)
  from (
    select relname as name, (aclexplode(relacl)).*, relowner as owner from ours
    union all
    select 'function ' || proname, (aclexplode(coalesce(proacl, acldefault('f', proowner)))).*, proowner
    from pg_proc where pronamespace = 'restoreclick'::regnamespace
  ) as held,
  lateral (
    select case held.grantee when 0 then 'public' else pg_get_userbyid(held.grantee) end as grantee, held.privilege_type as privilege
  ) as told
  where held.grantee <> owner
  group by told.grantee, name
  union all
  select 'row of status_transitions ' || entity || ': ' || from_status || ' → ' || to_status, 'legal'
  from restoreclick.status_transitions`;

/** Name of each part → its definition. Empty when there is no such schema yet. */
export async function readCatalogue(execute: Execute): Promise<Map<string, string>> {
  const [schema] = await execute(`select to_regclass('restoreclick.status_transitions')::text as found`);
  if (!schema?.found) return new Map();
  const rows = await execute(catalogue);
  return new Map(rows.map(({ name, definition }) => [String(name), String(definition)]));
}

export type Difference = {
  name: string;
  kind: 'missing' | 'unknown' | 'different';
  is?: string;
  shouldBe?: string;
};

/** In what a catalogue is not as it should be, by name. */
export function differences(is: Map<string, string>, shouldBe: Map<string, string>): Difference[] {
  const names = [...new Set([...is.keys(), ...shouldBe.keys()])].sort();
  return names.flatMap((name): Difference[] => {
    const [has, wants] = [is.get(name), shouldBe.get(name)];
    if (has === wants) return [];
    if (has === undefined) return wants === undefined ? [] : [{ name, kind: 'missing', shouldBe: wants }];
    if (wants === undefined) return [{ name, kind: 'unknown', is: has }];
    return [{ name, kind: 'different', is: has, shouldBe: wants }];
  });
}
