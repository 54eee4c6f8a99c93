/**
 * The text of schema/schema.sql: a migrated database's whole schema as SQL, laid out to be read.
 */
import type { Execute, MigrationDatabase } from '../migrate/database-port.ts';

const head = `-- The whole schema as the migrations make it: tables, views, functions, rights.
-- Written by \`npm run statements\`. To change it, write a migration: docs/migrations.md.

create schema restoreclick;
set search_path to restoreclick;
`;

/** A line of the catalogue, and the table or function it belongs to. */
type Line = { owner: string; text: string };

/**
 * In the order in which the migrations made them; their own table and the partitions are not
 * theirs.
 */
const relations = `
  select oid, relname as name, relkind as kind, relacl, relowner, pg_get_partkeydef(oid) as partition_key
  from pg_class
  where relnamespace = 'restoreclick'::regnamespace and not relispartition
    and relname not like 'schema\\_migrations%'`;

const columns = `
  select relation.name as owner,
    attname || ' ' || format_type(atttypid, atttypmod)
      || case when attnotnull then ' not null' else '' end
      || coalesce(' default ' || pg_get_expr(adbin, adrelid, true), '') as text
  from (${relations}) as relation
  join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
  left join pg_attrdef on adrelid = relation.oid and adnum = attnum
  where kind in ('r', 'p')
  order by attnum`;

const constraints = `
  select relation.name as owner, 'constraint ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid, true) as text
  from (${relations}) as relation join pg_constraint on conrelid = relation.oid
  where contype not in ('n', 't')
  order by position(contype::text in 'pufc'), conname`;

const indexes = `
  select relation.name as owner, pg_get_indexdef(indexrelid, 0, true) as text
  from (${relations}) as relation join pg_index on indrelid = relation.oid
  where kind in ('r', 'p') and not exists (select from pg_constraint where conindid = indexrelid and conrelid = indrelid)
  order by text`;

const triggers = `
  select relation.name as owner, pg_get_triggerdef(pg_trigger.oid, true) as text
  from (${relations}) as relation join pg_trigger on tgrelid = relation.oid
  where not tgisinternal
  order by tgname`;

const functions = `
  select proname as owner, pg_get_functiondef(oid) as text
  from pg_proc where pronamespace = 'restoreclick'::regnamespace
  order by proname`;

const views = `
  select name as owner, 'create view ' || name || ' as' || pg_get_viewdef(oid, true) as text from (${relations}) as relation where kind = 'v' order by name`;

const sequences = `
  select name as owner, 'create sequence ' || name as text from (${relations}) as relation where kind = 'S' order by name`;

const moves = `
  select entity || from_status as owner,
    string_agg(format('(%L, %L, %L)', entity, from_status, to_status), ', ' order by to_status) as text
  from restoreclick.status_transitions
  group by entity, from_status
  order by entity, from_status`;

/** What others than the owner may do; of a function, whether everybody may not. */
const rights = `
  select told.name as owner,
    format('grant %s on %s to %s', lower(string_agg(privilege_type, ', ' order by privilege_type)), told.name, grantee::regrole) as text
  from (
    select case kind when 'S' then 'sequence ' else '' end || name as name, relowner as owner, (aclexplode(relacl)).*
    from (${relations}) as relation
    union all
    select 'function ' || proname, proowner, (aclexplode(proacl)).*
    from pg_proc where pronamespace = 'restoreclick'::regnamespace
    union all
    select 'schema ' || nspname, nspowner, (aclexplode(nspacl)).* from pg_namespace where nspname = 'restoreclick'
  ) as told
  where grantee <> told.owner and grantee <> 0
  group by told.name, grantee
  union all
  select proname, 'revoke execute on function ' || proname || ' from public'
  from pg_proc
  where pronamespace = 'restoreclick'::regnamespace
    and not exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)
  order by text`;

/** @param database one that has all migrations, as a user who may read its catalogue */
export function schemaFile(database: MigrationDatabase): Promise<string> {
  return database.transaction(async (execute) => {
    await execute('set local search_path to restoreclick');
    return [head, await tables(execute), await others(execute)].join('\n');
  });
}

async function tables(execute: Execute): Promise<string> {
  const members = [...(await lines(execute, columns)), ...(await lines(execute, constraints))];
  const beside = [...(await lines(execute, indexes)), ...(await lines(execute, triggers))];
  const found = await lines(
    execute,
    `select name as owner, coalesce(' partition by ' || partition_key, '') as text
     from (${relations}) as relation where kind in ('r', 'p') order by oid`,
  );
  const texts = found.flatMap(({ owner, text }) => {
    const ofIt = (all: Line[], indent: number) =>
      all.filter((one) => one.owner === owner).map((one) => wrapped(plain(one.text), indent));
    return [
      title(owner),
      `create table ${owner} (\n${ofIt(members, 2).join(',\n')}\n)${plain(text)};`,
      ...ofIt(beside, 0).map((statement) => `${statement};`),
    ];
  });
  return texts.join('\n');
}

async function others(execute: Execute): Promise<string> {
  const legal = (await lines(execute, moves)).map(({ text }) => wrapped(text, 2)).join(',\n');
  return [
    title('legal moves'),
    `insert into status_transitions (entity, from_status, to_status) values\n${legal};`,
    title('views and sequences'),
    ...(await lines(execute, views)).map(({ text }) => `${wrapped(plain(text), 0)}`),
    ...(await lines(execute, sequences)).map(({ text }) => `${text};`),
    title('functions'),
    (await lines(execute, functions)).map(({ text }) => `${functionText(text)};`).join('\n\n'),
    title('rights'),
    ...(await lines(execute, rights)).map(({ text }) => `${text};`),
    '',
  ].join('\n');
}

async function lines(execute: Execute, sql: string): Promise<Line[]> {
  return (await execute(sql)).map(({ owner, text }) => ({ owner: String(owner), text: String(text) }));
}

const title = (words: string) => `\n-- ── ${words} ${'─'.repeat(92 - words.length)}\n`;

/**
 * As a person would write it: keywords in lower case, no casts that PostgreSQL finds by itself, no
 * schema.
 */
function plain(sql: string): string {
  return outsideQuotes(sql, (part) => part.toLowerCase().replace(/\s+/g, ' ').replaceAll('( ', '('))
    .replaceAll('restoreclick.', '')
    .replaceAll('character varying', 'varchar')
    .replaceAll('timestamp with time zone', 'timestamptz')
    .replaceAll(' using btree', '')
    .replaceAll(' on only ', ' on ')
    .replace(/('[^']*')::(varchar|text|jsonb)(?!\[)/g, '$1')
    .replace(/\b([\w.]+)::text(?!\[)/g, '$1')
    .replace(/= any \(array\[([^\]]*)\](?:::text\[\])?\)/g, 'in ($1)')
    .replace(/<> all \(array\[([^\]]*)\](?:::text\[\])?\)/g, 'not in ($1)')
    .replace(/(\w+) >= (\w+) and \1 <= (\w+)/g, '$1 between $2 and $3')
    .replace(/ and \(([\w.]+ (?:not )?in \([^()]*\))\)/g, ' and $1');
}

const outsideQuotes = (sql: string, change: (part: string) => string) =>
  sql
    .split(/('[^']*')/)
    .map((part, at) => (at % 2 === 0 ? change(part) : part))
    .join('');

/** The head as a person would write it, the body as it is. */
function functionText(definition: string): string {
  const [head = '', ...body] = definition.trimEnd().split(/^AS (?=\$function\$)/m);
  const [first = '', ...others] = head
    .trimEnd()
    .split('\n')
    .map((line) => plain(line.trim()));
  const heading = [first.replace('create or replace', 'create'), ...others].map((line) => wrapped(line, 0));
  return `${heading.join('\n')}\nas ${body.join('').replaceAll('$function$', '$$$$')}`;
}

const width = 100;
const clauses =
  / (?=(?:select|from|for each|execute function|referencing|references|where|check|on delete) )/;

/**
 * In lines of at most 100 columns, broken between clauses, or between words; all but the first are
 * indented.
 */
function wrapped(text: string, indent: number): string {
  const lines = [''];
  const append = (part: string) => {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = ' '.repeat(indent) + part;
    else if (line.length + part.length < width) lines[lines.length - 1] = `${line} ${part}`;
    else lines.push(`${' '.repeat(indent + 2)}${part}`);
  };
  for (const clause of text.split(clauses)) {
    if (clause.length < width - indent - 2) append(clause);
    else for (const word of clause.match(/(?:'[^']*'|[^\s'])+/g) ?? []) append(word);
  }
  return lines.join('\n');
}
