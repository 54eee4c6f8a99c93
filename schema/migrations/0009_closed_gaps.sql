-- What could still slip through: an order's story without its end, a photo opened while its order ends, a checkout of nothing, and rights
-- that nobody needs.

set local search_path to restoreclick;


-- ── The story of what is gone ────────────────────────────────────────────────────────────────────────────────────

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


-- ── Checkouts and rights ─────────────────────────────────────────────────────────────────────────────────────────

-- Not valid yet: the next migration reads the rows that are there.
alter table checkouts
  add constraint chk_checkout_money check (photo_count > 0 and unit_amount_cents >= 0) not valid;

-- The steps' role may do what their statements need: none has ever changed a customer or an event of the inbox.

-- contract: no release's statement updates them
revoke update on customers, webhook_events from restoreclick_app;
