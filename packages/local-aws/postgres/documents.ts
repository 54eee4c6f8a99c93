/** The store's backing: documents in a PostgreSQL table, written in groups. */
import type { Pool } from 'pg';
import type { Backing } from '../store/index.ts';

const table = `
  create table if not exists documents (
    collection text not null,
    key text not null,
    position bigint generated always as identity,
    value json not null,
    primary key (collection, key)
  )`;

const select = 'select key, value from documents where collection = $1 order by position';

const remove = `
  delete from documents d
  using unnest($1::text[], $2::text[]) as gone (collection, key)
  where d.collection = gone.collection and d.key = gone.key`;

const upsert = `
  insert into documents (collection, key, value)
  select collection, key, value::json
  from unnest($1::text[], $2::text[], $3::text[]) with ordinality as written (collection, key, value, position)
  order by position
  on conflict (collection, key) do update set value = excluded.value`;

type Change = { collection: string; key: string; value?: string };

/** Written together: first these documents are removed, then these have their last value. */
type Group = { removed: Map<string, Change>; changes: Map<string, Change>; written: Promise<void> };

/**
 * Changes are durable in their order: those made while a group is being written form the next one.
 * @param pool of a database that is the store's own
 */
export async function postgresBacking(pool: Pool): Promise<Backing> {
  await pool.query(table);
  let writing: Promise<void> = Promise.resolve();
  let next: Group | undefined;

  function openGroup(): Group {
    const group: Group = { changes: new Map(), removed: new Map(), written: writing };
    group.written = writing
      .catch(() => undefined) // those who made that change were told
      .then(() => {
        next = undefined;
        return write(pool, group);
      });
    writing = group.written;
    return group;
  }
  function change(made: Change): Promise<void> {
    next ??= openGroup();
    const id = JSON.stringify([made.collection, made.key]);
    if (made.value === undefined) {
      next.removed.set(id, made);
      next.changes.delete(id);
    } else next.changes.set(id, made);
    return next.written;
  }
  return {
    async load(collection) {
      await writing.catch(() => undefined);
      const { rows } = await pool.query<{ key: string; value: unknown }>(select, [collection]);
      return rows.map(({ key, value }) => [key, value]);
    },
    put: (collection, key, value) => change({ collection, key, value: JSON.stringify(value) }),
    delete: (collection, key) => change({ collection, key }),
  };
}

async function write(pool: Pool, { changes, removed }: Group): Promise<void> {
  const gone = [...removed.values()];
  const kept = [...changes.values()];
  const columns = (of: Change[]) => [of.map(({ collection }) => collection), of.map(({ key }) => key)];
  const client = await pool.connect();
  try {
    await client.query('begin');
    if (gone.length > 0) await client.query(remove, columns(gone));
    if (kept.length > 0) await client.query(upsert, [...columns(kept), kept.map(({ value }) => value)]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
