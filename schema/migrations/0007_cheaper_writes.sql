-- What an order's writes cost, again: placing one took 12.1 million instructions of the processor's, and takes 7.8.

set local search_path to restoreclick;

-- In plpgsql, as present() is: PostgreSQL plans the body of a function in SQL at each call, 0.37 million instructions.
create or replace function next_order_number() returns varchar
language plpgsql volatile as $$
declare
  n bigint := nextval('restoreclick.order_number_seq');
begin
  return to_char(restoreclick.present() at time zone 'UTC', 'YYYYMMDD') || '-'
    || case when n < 1000000 then lpad(n::text, 6, '0') else n::text end;
end
$$;

-- Writes one row of audit_logs: of an update the fields in which `after` differs from `before`, else the row that came or went.
-- Of the columns in `hidden` it tells that they changed, not their values. Of the others it leaves out what says nothing or what the
-- row says elsewhere: nulls; of a change, empty values and times that are its own; of what came or went, metadata that nobody gave.
-- One function for all tables, so that a statement that writes five plans this once and not five times; and only an update, whose
-- fields must be compared, asks a query for them: a third of what the others took.
create or replace function record_change(entity text, before jsonb, after jsonb, hidden text[]) returns void
language plpgsql as $$
declare
  fields text[];
  old_values jsonb;
  new_values jsonb;
  microseconds bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  if coalesce(current_setting('app.actor', true), '') = '' then
    raise exception 'a write of a % needs an actor: select set_config(''app.actor'', ''…'', true) in its transaction', entity
      using errcode = 'RC002';
  end if;
  if before is not null and after is not null then
    select
      array_agg(key order by key),
      jsonb_object_agg(key, before -> key) filter (where key <> all (hidden) and before -> key <> all (unsaid)),
      jsonb_object_agg(key, value) filter (where key <> all (hidden) and value <> all (unsaid))
    into fields, old_values, new_values
    from jsonb_each(after) cross join (select array['null', '{}', '[]', to_jsonb(now())]) as said (unsaid)
    where value <> before -> key and key <> 'updated_at';
    if fields is null then return; end if;
  else
    hidden := hidden || array['id', 'created_at', 'updated_at', case coalesce(after, before) -> 'metadata' when '{}' then 'metadata' end];
    old_values := jsonb_strip_nulls(before - hidden);
    new_values := jsonb_strip_nulls(after - hidden);
  end if;
  insert into restoreclick.audit_logs (
    id, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by, ip_address, user_agent, metadata)
  values (
    -- In order of time (UUIDv7, RFC 9562): 10 million random ids would each touch a page of their own. Milliseconds, the version, and
    -- the microseconds in the place that it leaves to them: an order's story tells what one transaction did in the order it did it.
    encode(
      overlay(
        uuid_send(gen_random_uuid())
        placing int8send(microseconds / 1000 << 16 | (7 << 12) | (microseconds % 1000 * 4)) from 1 for 8),
      'hex')::uuid,
    entity,
    -- Under its old id, if it is given another: that is where its story is.
    (coalesce(before, after) ->> 'id')::uuid,
    case
      when before is null then 'created'
      when after is null then 'deleted'
      when fields && array['status', 'payment_status'] then 'status_changed'
      else 'updated'
    end,
    old_values,
    new_values,
    fields,
    current_setting('app.actor'),
    nullif(current_setting('app.ip_address', true), '')::inet,
    nullif(current_setting('app.user_agent', true), ''),
    null);
end
$$;

-- What is gone is found by the row that says so: one in a million.
-- small table: nobody but the archiving writes there.
create index idx_audit_archive_deleted on audit_archive (entity_type) where action = 'deleted';

-- The audit rows of an order, deleted or not, and of all that hangs or hung on it, and of the events that moved any of it, which came
-- in the same transaction; the archive included. In order of their transactions, and within each as its rows were written.
create or replace function order_history(wanted_number text)
returns table (
  at timestamptz, entity text, entity_id uuid, action text, old_values jsonb, new_values jsonb, changed_fields text[], actor text)
language sql stable as $$
  with log as not materialized (
    select id, created_at, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by
    from restoreclick.audit_logs
    union all
    select id, created_at, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by
    from restoreclick.audit_archive
  ),
  -- Few: the steps' role deletes nothing.
  gone as materialized (select entity_type, entity_id, old_values from log where action = 'deleted'),
  wanted as (
    select id, customer_id, upload_session_id from restoreclick.orders where order_number = wanted_number
    union all
    select entity_id, (old_values ->> 'customer_id')::uuid, old_values ->> 'upload_session_id'
    from gone where entity_type = 'order' and old_values ->> 'order_number' = wanted_number
  ),
  photo as (
    select images.id from wanted join restoreclick.images on images.order_id = wanted.id
    union all
    select entity_id from wanted join gone on entity_type = 'image' and old_values ->> 'order_id' = wanted.id::text
  ),
  concerned (entity, id) as materialized (
    select 'order', id from wanted
    union all select 'customer', customer_id from wanted
    union all select 'image', id from photo
    union all
    select 'restoration_job', job.id from photo join restoreclick.restoration_jobs as job on job.original_image_id = photo.id
    union all
    select entity_type, entity_id
    from photo join gone on entity_type = 'restoration_job' and old_values ->> 'original_image_id' = photo.id::text
    union all select 'email', email.id from wanted join restoreclick.email_queue as email on email.order_id = wanted.id
    union all select 'download_link', link.id from wanted join restoreclick.download_links as link on link.order_id = wanted.id
    union all
    select entity_type, entity_id
    from wanted join gone on entity_type in ('email', 'download_link') and old_values ->> 'order_id' = wanted.id::text
    union all
    select 'file_upload', upload.id
    from wanted join restoreclick.file_uploads as upload on upload.upload_session_id = wanted.upload_session_id
    union all
    select 'checkout', checkout.id
    from wanted join restoreclick.checkouts as checkout on checkout.upload_session_id = wanted.upload_session_id
    union all
    select entity_type, entity_id
    from wanted join gone
      on entity_type in ('file_upload', 'checkout') and old_values ->> 'upload_session_id' = wanted.upload_session_id
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
  order by created_at, id
$$;

-- Besides: times that are always the row's own.
create or replace trigger audit after insert or update or delete on images
  for each row execute function audit(
    'image', 'original_filename', 'storage_bucket', 'storage_path', 'processing_started_at', 'processing_completed_at');
create or replace trigger audit after insert or update or delete on webhook_events
  for each row execute function audit('webhook_event', 'received_at', 'processed_at');


-- ── Error codes ──────────────────────────────────────────────────────────────────────────────────────────────────

-- The closed lists of lambdas/error-codes.ts; a row without a code is not asked for.
-- A constraint's text is read anew by each statement that writes its table: the 24 codes of a photo were 6 kB, 0.25 million instructions.
create function is_error_code(of_table text, code text) returns boolean
language plpgsql immutable strict parallel safe as $$
begin
  return code = 'step_broken' or case of_table
    when 'email_queue' then code in (
      'email_throttled', 'email_unavailable', 'email_unauthorised', 'email_sender_refused', 'email_rejected',
      'send_doubtful', 'attempts_exhausted', 'recipient_bounced', 'recipient_dropped')
    else code in (
      'provider_throttled', 'provider_unavailable', 'provider_out_of_credit', 'provider_misconfigured',
      'submission_uncertain', 'input_unmarked', 'input_rejected', 'input_unavailable', 'moderation_refused',
      'provider_out_of_memory', 'prediction_failed', 'prediction_timed_out', 'prediction_canceled', 'prediction_unknown',
      'poller_broken', 'output_gone', 'output_unavailable', 'output_refused', 'output_too_large', 'output_unreadable',
      'order_refunded') or (of_table = 'images' and code in ('upload_missing', 'upload_changed'))
  end;
end
$$;

-- Not valid yet: that takes a moment's lock, and checks every write from now on. The next migration reads the rows that are there.
alter table images
  drop constraint chk_image_error_code,
  add constraint chk_image_error_code check (restoreclick.is_error_code('images', error_code)) not valid;
alter table restoration_jobs
  drop constraint chk_job_error_code,
  add constraint chk_job_error_code check (restoreclick.is_error_code('restoration_jobs', error_code)) not valid;
alter table email_queue
  drop constraint chk_email_error_code,
  add constraint chk_email_error_code check (restoreclick.is_error_code('email_queue', error_code)) not valid;

-- Each in fewer words, for the same reason.
alter table orders
  drop constraint chk_order_money,
  drop constraint chk_order_states,
  add constraint chk_order_money check (
    -- Unknown if any of them is null; `least` would pass over it.
    coalesce(total_amount = subtotal - discount_amount + tax_amount, false)
    -- Not a number equals itself and is above all that are.
    and least(subtotal, discount_amount, tax_amount, total_amount) >= 0 and total_amount <> 'NaN') not valid,
  add constraint chk_order_states check (
    payment_status = any (case status
      when 'pending_payment' then '{pending}'
      when 'failed' then '{paid,failed,partially_refunded,disputed}'
      when 'refunded' then '{refunded}'
      else '{paid,partially_refunded,disputed}'
    end::text[])) not valid;

alter table checkouts
  add constraint chk_checkout_money check (photo_count > 0 and unit_amount_cents >= 0) not valid;


-- ── A photo opened while its order ends ──────────────────────────────────────────────────────────────────────────
-- Who waited for a lock goes on seeing what it saw before, unless READ COMMITTED: then the check does not see the other's photo.
-- Of two SERIALIZABLE transactions, as the steps' are, PostgreSQL itself stops one. Anybody else who opens a photo writes the order,
-- so that a SERIALIZABLE one that ends it meanwhile fails (40001); and nobody ends one in REPEATABLE READ.

create or replace function check_photo_opened() returns trigger
language plpgsql as $$
declare
  order_status text;
begin
  if current_setting('transaction_isolation') = 'serializable' then
    select status into order_status from restoreclick.orders where id = new.order_id for share;
  else
    update restoreclick.orders set updated_at = updated_at where id = new.order_id returning status into order_status;
  end if;
  if order_status = 'completed' then
    raise exception 'image % cannot be %: its order % is completed', new.id, new.status, new.order_id using errcode = 'RC006';
  end if;
  return null;
end
$$;

create or replace function check_photos_added() returns trigger
language plpgsql as $$
declare
  ordered record;
begin
  if current_setting('transaction_isolation') <> 'serializable' then
    update restoreclick.orders set updated_at = updated_at where id in (select order_id from added where type = 'original');
  end if;
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

create or replace function check_order_ended() returns trigger
language plpgsql as $$
begin
  if current_setting('transaction_isolation') = 'repeatable read' then
    raise exception 'order % cannot be % in REPEATABLE READ, which may not see a photo being opened', new.id, new.status
      using errcode = 'RC006';
  end if;
  if exists (
    select from restoreclick.images
    where order_id = new.id and type = 'original' and status in ('pending', 'uploaded', 'processing')
  ) then
    raise exception 'order % cannot be %: a photo of it is still open', new.id, new.status using errcode = 'RC006';
  end if;
  return null;
end
$$;
