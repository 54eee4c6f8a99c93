-- The audit's archive, filled by reconcile and emptied by an operator; and an order's story in
-- words.

set local search_path to restoreclick;


-- ── The archive ─────────────────────────────────────────────────────────────────────────────────

create table audit_archive (like audit_logs) partition by range (created_at);
alter table audit_archive alter column created_at set not null;

create index idx_audit_archive_entity on audit_archive (entity_type, entity_id);
-- For the moments of an order's story: the archive is filled in order of time.
create index idx_audit_archive_created_at_brin on audit_archive using brin (created_at);
-- What is gone is found by the row that says so: one in a million.
create index idx_audit_archive_deleted on audit_archive (entity_type) where action = 'deleted';

create trigger refuse_rewrite before update or delete on audit_archive
  for each row execute function refuse_rewrite();
create trigger refuse_truncate before truncate on audit_archive execute function refuse_truncate();

-- Moves the oldest audit rows before a time to the archive, at most `batch` of them; says how many.
-- Call until it says 0. One archiver at a time: whoever comes meanwhile is told 0, and neither
-- waits nor makes the same partition.
create function archive_audit(before timestamptz, batch integer default 1000) returns integer
language plpgsql security definer
set search_path = restoreclick, pg_temp set timezone = 'UTC' as $$
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
    execute format(
      'alter table audit_archive attach partition %I for values from (%L) to (%L)',
      partition, month, month + interval '1 month');
    -- A partition is given the row triggers of its parent, and not this one.
    execute format(
      'create trigger refuse_truncate before truncate on %I execute function refuse_truncate()',
      partition);
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

-- What the archive holds, oldest month first; a month's bytes are with its indexes.
create function archived_months() returns table (month text, row_count bigint, bytes bigint)
language sql stable set search_path = restoreclick, pg_temp set timezone = 'UTC' as $$
  select
    to_char(part.since, 'YYYY-MM'),
    (select count(*) from audit_archive
     where created_at >= part.since and created_at < part.since + interval '1 month'),
    pg_total_relation_size(part.id)
  from (
    select pg_class.oid as id, to_timestamp(right(relname, 7), 'YYYY_MM') as since
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'audit_archive'::regclass
  ) as part
  order by part.since
$$;

-- Drops a month of the archive for good: `select drop_archive('2025-01', 4711)`, whose rows are as
-- many as whoever drops it knows of.
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
  if exists (
    select from audit_logs where created_at >= since and created_at < since + interval '1 month'
  ) then
    raise exception 'the month % is still moving to the archive', wanted_month
      using errcode = 'RC003';
  end if;
  execute format('select count(*) from %I', partition) into found;
  if found is distinct from known_rows then
    raise exception 'the month % has % rows, and not %', wanted_month, found, known_rows
      using errcode = 'RC003';
  end if;
  execute format('drop table %I', partition);
  insert into audit_logs (entity_type, entity_id, action, old_values, performed_by)
  values (
    'audit_archive', derived_id('audit_archive', wanted_month), 'dropped',
    jsonb_build_object('month', wanted_month, 'rows', found), actor);
  return found;
end
$$;


-- ── What happened to an order ───────────────────────────────────────────────────────────────────

-- The audit rows of an order, deleted or not, and of all that hangs or hung on it, and of the
-- events that moved any of it, which came in the same transaction; the archive included. In order
-- of their transactions, and within each as its rows were written.
create function order_history(wanted_number text)
returns table (
  at timestamptz,
  entity text,
  entity_id uuid,
  action text,
  old_values jsonb,
  new_values jsonb,
  changed_fields text[],
  actor text)
language sql stable set search_path = restoreclick, pg_temp as $$
  with log as not materialized (
    select * from audit_logs union all select * from audit_archive
  ),
  -- Few: no role of the steps deletes.
  gone as materialized (
    select entity_type, entity_id, old_values from log where action = 'deleted'
  ),
  wanted as (
    select id, customer_id, upload_session_id from orders where order_number = wanted_number
    union all
    select entity_id, (old_values ->> 'customer_id')::uuid, old_values ->> 'upload_session_id'
    from gone where entity_type = 'order' and old_values ->> 'order_number' = wanted_number
  ),
  photo as (
    select images.id from wanted join images on images.order_id = wanted.id
    union all
    select entity_id
    from wanted join gone on entity_type = 'image' and old_values ->> 'order_id' = wanted.id::text
  ),
  concerned (entity, id) as materialized (
    select 'order', id from wanted
    union all
    select 'customer', customer_id from wanted
    union all
    select 'image', id from photo
    union all
    select 'restoration_job', job.id
    from photo join restoration_jobs as job on job.original_image_id = photo.id
    union all
    select entity_type, entity_id
    from photo
    join gone on entity_type = 'restoration_job'
      and old_values ->> 'original_image_id' = photo.id::text
    union all
    select 'email', email.id from wanted join email_queue as email on email.order_id = wanted.id
    union all
    select 'download_link', link.id
    from wanted join download_links as link on link.order_id = wanted.id
    union all
    select entity_type, entity_id
    from wanted
    join gone on entity_type in ('email', 'download_link')
      and old_values ->> 'order_id' = wanted.id::text
    union all
    select 'file_upload', upload.id
    from wanted
    join file_uploads as upload on upload.upload_session_id = wanted.upload_session_id
    union all
    select 'checkout', checkout.id
    from wanted join checkouts as checkout on checkout.upload_session_id = wanted.upload_session_id
    union all
    select entity_type, entity_id
    from wanted
    join gone on entity_type in ('file_upload', 'checkout')
      and old_values ->> 'upload_session_id' = wanted.upload_session_id
  ),
  own as materialized (
    select log.*
    from concerned
    join log on log.entity_type = concerned.entity and log.entity_id = concerned.id
  ),
  -- A customer may have come with an earlier order.
  moment as (select distinct created_at, performed_by from own where entity_type <> 'customer'),
  heard as (
    select log.*
    from moment
    join log on log.created_at = moment.created_at and log.performed_by = moment.performed_by
    where log.entity_type = 'webhook_event'
      -- SendGrid tells of many orders' emails at once.
      and (log.new_values ->> 'provider' = 'stripe'
        or log.new_values ->> 'object_id' in (
          select id::text from concerned where entity = 'email'))
  )
  select
    created_at, entity_type::text, entity_id, action::text, old_values, new_values, changed_fields,
    performed_by::text
  from (select * from own union all select * from heard) as told
  order by created_at, id
$$;

-- The whole story of an order, in order, in words: `select * from
-- restoreclick.explain_order('20261122-000001')`. Of a field without a value the audit has none:
-- see record_change.
create function explain_order(wanted_number text)
returns table (at timestamptz, actor text, what text)
language sql stable as $$
  select
    history.at,
    history.actor,
    case history.entity
      when 'webhook_event' then 'event'
      when 'file_upload' then 'photo upload'
      when 'restoration_job' then 'restoration job'
      when 'download_link' then 'download link'
      else history.entity
    end
    || ' ' || left(history.entity_id::text, 8) || ' '
    || case history.action
      when 'created' then coalesce(
        'came from ' || (history.new_values ->> 'provider') || ': '
          || (history.new_values ->> 'event_type'),
        'came into being' || coalesce(' as ' || (history.new_values ->> 'status'), ''))
      when 'deleted' then 'was deleted'
      when 'status_changed' then concat_ws(
        ', ',
        'went from ' || (history.old_values ->> 'status')
          || ' to ' || (history.new_values ->> 'status'),
        'its payment went from ' || (history.old_values ->> 'payment_status')
          || ' to ' || (history.new_values ->> 'payment_status'))
      else 'changed ' || (
        select string_agg(
          field || coalesce(' to ' || (history.new_values ->> field), ''), ', ' order by field)
        from unnest(history.changed_fields) as field)
    end
    || coalesce(' because of ' || (history.new_values ->> 'error_code'), '')
  from restoreclick.order_history(wanted_number) as history
$$;
