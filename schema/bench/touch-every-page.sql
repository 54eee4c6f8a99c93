-- Has whoever calls it read every page. A new connection maps each page of the shared buffers when
-- it first touches it: at a million orders 24 faults an order placed, 11 % of its time. Aurora's
-- buffers lie in huge pages, by default, and its connections are not new.
-- https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html
create extension pgstattuple;
create function touch_every_page() returns void
language plpgsql security definer set search_path = public, pg_temp
set enable_seqscan = on set enable_indexscan = off set enable_indexonlyscan = off set max_parallel_workers_per_gather = 0 as $$
declare
  relation record;
begin
  for relation in
    select pg_class.oid::regclass as name, relkind from pg_class join pg_am on pg_am.oid = relam
    where relnamespace = 'restoreclick'::regnamespace and relkind in ('r', 'i') and amname in ('heap', 'btree')
  loop
    if relation.relkind = 'i' then perform pgstatindex(relation.name);
    else execute format('select count(*) from %s', relation.name);
    end if;
  end loop;
end
$$;
