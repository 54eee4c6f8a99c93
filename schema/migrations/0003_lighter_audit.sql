-- What an order's writes cost: the audit writes less and plans once, whatever the tables; ids and the present are not planned into each statement.

set local search_path to restoreclick;

-- ── Functions that every statement calls ─────────────────────────────────────────────────────────────────────────
-- In plpgsql they are called. In SQL they were inlined, which cost each statement 30 µs and 18 µs of planning a call.

create or replace function present() returns timestamptz
language plpgsql stable parallel safe as $$
begin
  return now() + coalesce(nullif(current_setting('restoreclick.clock_offset', true), '')::interval, interval '0');
end
$$;

create or replace function derived_id(parent text, child text) returns uuid
language plpgsql immutable parallel safe as $$
declare
  id bytea := substring(sha256(convert_to(parent || '/' || child, 'UTF8')) from 1 for 16);
begin
  return encode(set_byte(set_byte(id, 6, (get_byte(id, 6) & 15) | 128), 8, (get_byte(id, 8) & 63) | 128), 'hex')::uuid;
end
$$;


-- ── Audit ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- Writes one row of audit_logs: the fields in which `after` differs from `before`, either of which may be null.
-- Of the columns in `hidden` it tells that they changed, not their values. Of the others it leaves out what says nothing or what the
-- row says elsewhere: null and empty values, and times that are its own (200 B of 600 on a job's way).
-- One function for all tables, so that a statement that writes five plans this once and not five times.
create function record_change(entity text, before jsonb, after jsonb, hidden text[]) returns void
language plpgsql set search_path = restoreclick, pg_temp as $$
declare
  actor text := nullif(current_setting('app.actor', true), '');
  is_update boolean := before is not null and after is not null;
  unsaid jsonb[] := array['null', '{}', '[]', to_jsonb(now())];
begin
  if actor is null then
    raise exception 'a write of a % needs an actor: select set_config(''app.actor'', ''…'', true) in its transaction', entity
      using errcode = 'RC002';
  end if;
  insert into audit_logs (
    id, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by, ip_address, user_agent, metadata)
  select
    -- In order of time (UUIDv7, RFC 9562): 10 million random ids would each touch a page of their own.
    encode(
      set_byte(
        overlay(
          uuid_send(gen_random_uuid())
          placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
        6, 7 << 4),
      'hex')::uuid,
    entity,
    (coalesce(after, before) ->> 'id')::uuid,
    case
      when before is null then 'created'
      when after is null then 'deleted'
      when changed.fields && array['status', 'payment_status'] then 'status_changed'
      else 'updated'
    end,
    changed.old_values,
    changed.new_values,
    changed.fields,
    actor,
    nullif(current_setting('app.ip_address', true), '')::inet,
    nullif(current_setting('app.user_agent', true), ''),
    null
  from (
    select
      array_agg(key order by key) filter (where is_update) as fields,
      jsonb_object_agg(key, before -> key) filter (
        where before is not null and key <> all (hidden) and before -> key <> all (unsaid)) as old_values,
      jsonb_object_agg(key, value) filter (
        where after is not null and key <> all (hidden) and value <> all (unsaid)) as new_values
    from jsonb_each(coalesce(after, before))
    where (not is_update or value <> before -> key)
      and key not in ('id', 'created_at', 'updated_at')
  ) as changed
  where not is_update or changed.fields is not null;
end
$$;

-- Else the steps' role could write history with it; the trigger calls it as its owner.
revoke execute on function record_change from public;

-- Arguments: the entity's name, then the columns whose values are left out: they are personal or secret, are made of ids that the row
-- tells (a path is 100 B), are in another row (the output's size), or are nobody's history (a lease).
create or replace function audit() returns trigger
language plpgsql security definer set search_path = restoreclick, pg_temp as $$
begin
  perform record_change(tg_argv[0], to_jsonb(old), to_jsonb(new), tg_argv[1:]);
  return null;
end
$$;

drop function audit_difference;

create or replace trigger audit after insert or update or delete on images
  for each row execute function audit('image', 'original_filename', 'storage_bucket', 'storage_path');
create or replace trigger audit after insert or update or delete on restoration_jobs
  for each row execute function audit('restoration_job', 'error_message', 'leased_until', 'output_data');
create or replace trigger audit after insert or update or delete on email_queue
  for each row execute function audit(
    'email', 'to_email', 'to_name', 'cc_emails', 'subject', 'dynamic_data', 'error_message', 'metadata', 'leased_until');
create or replace trigger audit after insert or update or delete on file_uploads
  for each row execute function audit('file_upload', 'customer_email', 'original_filename', 'storage_path');


-- ── A photo that comes to an order ───────────────────────────────────────────────────────────────────────────────

-- Once a statement, not once a photo: 54 buffers of the 790 that an order of ten photos takes to be placed.
create function check_photos_added() returns trigger
language plpgsql as $$
declare
  ordered record;
begin
  for ordered in
    select id, status from restoreclick.orders where id in (select order_id from added where type = 'original') for share
  loop
    if ordered.status = 'completed' then
      raise exception 'order % is completed: no photo can come to it', ordered.id using errcode = 'RC006';
    end if;
  end loop;
  return null;
end
$$;

drop trigger photo_added on images;
create trigger photos_added after insert on images
  referencing new table as added for each statement execute function check_photos_added();


-- ── What happened to an order ────────────────────────────────────────────────────────────────────────────────────

drop function explain_order, order_history;

-- For the moments of an order's story: the archive is filled in order of time.
-- small table: nobody but the archiving writes there.
create index idx_audit_archive_created_at_brin on audit_archive using brin (created_at);

-- The audit rows of an order and of all that hangs on it, and of the events that moved any of it, which came in the same transaction;
-- the archive included.
create function order_history(wanted_number text)
returns table (
  at timestamptz, entity text, entity_id uuid, action text, old_values jsonb, new_values jsonb, changed_fields text[], actor text)
language sql stable as $$
  with wanted as (
    select id, customer_id, upload_session_id from restoreclick.orders where order_number = wanted_number
  ),
  concerned (entity, id) as materialized (
    select 'order', id from wanted
    union all select 'customer', customer_id from wanted
    union all select 'image', images.id from wanted join restoreclick.images on images.order_id = wanted.id
    union all
    select 'restoration_job', job.id
    from wanted
    join restoreclick.images on images.order_id = wanted.id
    join restoreclick.restoration_jobs as job on job.original_image_id = images.id
    union all select 'email', email.id from wanted join restoreclick.email_queue as email on email.order_id = wanted.id
    union all select 'download_link', link.id from wanted join restoreclick.download_links as link on link.order_id = wanted.id
    union all
    select 'file_upload', upload.id
    from wanted join restoreclick.file_uploads as upload on upload.upload_session_id = wanted.upload_session_id
    union all
    select 'checkout', checkout.id
    from wanted join restoreclick.checkouts as checkout on checkout.upload_session_id = wanted.upload_session_id
  ),
  log as not materialized (
    select created_at, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by from restoreclick.audit_logs
    union all
    select created_at, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by from restoreclick.audit_archive
  ),
  own as materialized (
    select log.* from concerned join log on log.entity_type = concerned.entity and log.entity_id = concerned.id
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
        or log.new_values ->> 'object_id' in (select id::text from concerned where entity = 'email'))
  )
  select created_at, entity_type::text, entity_id, action::text, old_values, new_values, changed_fields, performed_by::text
  from (select * from own union all select * from heard) as told
  order by created_at, entity_type, entity_id
$$;

-- The whole story of an order, in order, in words. Of a field without a value the audit has none: see record_change.
create function explain_order(wanted_number text) returns table (at timestamptz, actor text, what text)
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
        'came from ' || (history.new_values ->> 'provider') || ': ' || (history.new_values ->> 'event_type'),
        'came into being' || coalesce(' as ' || (history.new_values ->> 'status'), ''))
      when 'deleted' then 'was deleted'
      when 'status_changed' then concat_ws(
        ', ',
        'went from ' || (history.old_values ->> 'status') || ' to ' || (history.new_values ->> 'status'),
        'its payment went from ' || (history.old_values ->> 'payment_status') || ' to ' || (history.new_values ->> 'payment_status'))
      else 'changed ' || (
        select string_agg(field || coalesce(' to ' || (history.new_values ->> field), ''), ', ' order by field)
        from unnest(history.changed_fields) as field)
    end
    || coalesce(' because of ' || (history.new_values ->> 'error_code'), '')
  from restoreclick.order_history(wanted_number) as history
$$;
