-- The audit's archive is filled by reconcile and emptied by an operator; and what a row can tell of itself is checked in the row.

set local search_path to restoreclick;

-- ── The archive of the audit ─────────────────────────────────────────────────────────────────────────────────────

-- Moves the oldest audit rows before a time to the archive, at most `batch` of them; says how many. Call until it says 0.
-- One archiver at a time: whoever comes meanwhile is told 0, and neither waits nor makes the same partition.
create or replace function archive_audit(before timestamptz, batch integer default 1000) returns integer
language plpgsql security definer set search_path = restoreclick, pg_temp set timezone = 'UTC' as $$
declare
  month timestamptz;
  partition text;
  moved integer;
begin
  if not pg_try_advisory_xact_lock(hashtext('restoreclick.audit_archive')) then return 0; end if;
  -- The batch is of one month, so that it needs one partition.
  select date_trunc('month', min(created_at)) into month from audit_logs where created_at < before;
  if month is null then return 0; end if;
  partition := 'audit_archive_' || to_char(month, 'YYYY_MM');
  if to_regclass(partition) is null then
    -- Attached, because making it as a partition would lock out whoever reads the archive.
    execute format('create table %I (like audit_archive)', partition);
    execute format('alter table audit_archive attach partition %I for values from (%L) to (%L)', partition, month, month + interval '1 month');
    -- A partition is given the row triggers of its parent, and not this one.
    execute format('create trigger refuse_truncate before truncate on %I execute function refuse_truncate()', partition);
  end if;
  perform set_config('restoreclick.archiving', 'on', true);
  with oldest as (
    select id from audit_logs
    where created_at < least(before, month + interval '1 month')
    order by created_at
    limit batch
  ),
  gone as (
    delete from audit_logs using oldest where audit_logs.id = oldest.id returning audit_logs.*
  )
  insert into audit_archive select * from gone;
  get diagnostics moved = row_count;
  perform set_config('restoreclick.archiving', '', true);
  return moved;
end
$$;

grant execute on function archive_audit to restoreclick_app;

-- contract: partitions that came before this migration are given that trigger; nothing else changes.
do $$
declare
  partition regclass;
begin
  for partition in select inhrelid from pg_inherits where inhparent = 'audit_archive'::regclass loop
    execute format('create or replace trigger refuse_truncate before truncate on %s execute function refuse_truncate()', partition);
  end loop;
end
$$;

-- What the archive holds, oldest month first; a month's bytes are with its indexes.
create function archived_months() returns table (month text, row_count bigint, bytes bigint)
language sql stable set search_path = restoreclick, pg_temp set timezone = 'UTC' as $$
  select
    to_char(part.since, 'YYYY-MM'),
    (select count(*) from audit_archive where created_at >= part.since and created_at < part.since + interval '1 month'),
    pg_total_relation_size(part.id)
  from (
    select pg_class.oid as id, to_timestamp(right(relname, 7), 'YYYY_MM') as since
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'audit_archive'::regclass
  ) as part
  order by part.since
$$;

-- Drops a month of the archive for good: `select drop_archive('2025-01', 4711)`, whose rows are as many as whoever drops it knows of.
create function drop_archive(wanted_month text, known_rows bigint) returns bigint
language plpgsql set search_path = restoreclick, pg_temp set timezone = 'UTC' as $$
declare
  actor text := nullif(current_setting('app.actor', true), '');
  since timestamptz := to_timestamp(wanted_month, 'YYYY-MM');
  partition text := 'audit_archive_' || to_char(since, 'YYYY_MM');
  found bigint;
begin
  if actor is null then
    raise exception 'dropping a month of the archive needs an actor' using errcode = 'RC002';
  end if;
  perform pg_advisory_xact_lock(hashtext('restoreclick.audit_archive'));
  if to_regclass(partition) is null then
    raise exception 'the archive has no month %', wanted_month using errcode = 'RC003';
  end if;
  if exists (select from audit_logs where created_at >= since and created_at < since + interval '1 month') then
    raise exception 'the month % is still moving to the archive', wanted_month using errcode = 'RC003';
  end if;
  execute format('select count(*) from %I', partition) into found;
  if found is distinct from known_rows then
    raise exception 'the month % has % rows, and not %', wanted_month, found, known_rows using errcode = 'RC003';
  end if;
  execute format('drop table %I', partition);
  insert into audit_logs (entity_type, entity_id, action, old_values, performed_by)
  values (
    'audit_archive', derived_id('audit_archive', wanted_month), 'dropped',
    jsonb_build_object('month', wanted_month, 'rows', found), actor);
  return found;
end
$$;

revoke execute on function archived_months, drop_archive from public;


-- ── What a row can tell of itself ────────────────────────────────────────────────────────────────────────────────
-- Not valid yet: that takes a moment's lock. The next migration reads the rows that are there, while others write.

alter table orders
  add constraint chk_order_states check (
    case status
      when 'pending_payment' then payment_status = 'pending'
      when 'failed' then payment_status not in ('pending', 'refunded')
      when 'refunded' then payment_status = 'refunded'
      else payment_status in ('paid', 'partially_refunded', 'disputed')
    end) not valid,
  add constraint chk_order_paid_at check ((paid_at is null) = (payment_status in ('pending', 'failed'))) not valid;

alter table restoration_jobs
  add constraint chk_job_restored check (status <> 'completed' or restored_image_id is not null) not valid,
  -- Without its prediction nobody can poll it; without a lease nobody takes it over.
  add constraint chk_job_held check (
    case status when 'queued' then leased_until is not null when 'processing' then external_job_id is not null else true end) not valid;

alter table email_queue
  add constraint chk_email_lease check (status <> 'sending' or leased_until is not null) not valid;

alter table webhook_events
  add constraint chk_event_processed check (processed_at is not null) not valid;
