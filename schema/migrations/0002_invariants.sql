-- More that must never be, whoever writes; the audit's archive; and an order's story in words.

set local search_path to restoreclick;

-- ── What a photo and a job belong to never changes ───────────────────────────────────────────────────────────────
-- Because it does not, what is checked once, when the row comes, holds for good: no two transactions can slip past it together.

create function refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception '% of % % never changes', tg_argv[0], tg_table_name, old.id using errcode = 'RC004';
end
$$;

create trigger fixed_order before update of order_id on images
  for each row when (new.order_id is distinct from old.order_id) execute function refuse_change('the order');
create trigger fixed_type before update of type on images
  for each row when (new.type is distinct from old.type) execute function refuse_change('the type');
create trigger fixed_parent before update of parent_image_id on images
  for each row when (new.parent_image_id is distinct from old.parent_image_id) execute function refuse_change('the parent');
create trigger fixed_original before update of original_image_id on restoration_jobs
  for each row when (new.original_image_id is distinct from old.original_image_id) execute function refuse_change('the original');

create function check_restored_parent() returns trigger
language plpgsql as $$
begin
  if not exists (
    select from restoreclick.images as parent
    where parent.id = new.parent_image_id and parent.type = 'original' and parent.order_id is not distinct from new.order_id
  ) then
    raise exception 'restored image %: its parent % is not an original of the same order', new.id, new.parent_image_id
      using errcode = 'RC005';
  end if;
  return null;
end
$$;

create trigger restored_parent after insert on images
  for each row when (new.type = 'restored') execute function check_restored_parent();

create function check_job_images() returns trigger
language plpgsql as $$
begin
  if not exists (select from restoreclick.images where id = new.original_image_id and type = 'original') then
    raise exception 'job %: image % is not an original', new.id, new.original_image_id using errcode = 'RC005';
  end if;
  if new.restored_image_id is not null and not exists (
    select from restoreclick.images where id = new.restored_image_id and parent_image_id = new.original_image_id
  ) then
    raise exception 'job %: restored image % is not made of original %', new.id, new.restored_image_id, new.original_image_id
      using errcode = 'RC005';
  end if;
  return null;
end
$$;

create trigger job_images_inserted after insert on restoration_jobs
  for each row execute function check_job_images();
create trigger job_images_updated after update of restored_image_id on restoration_jobs
  for each row when (new.restored_image_id is not null and new.restored_image_id is distinct from old.restored_image_id)
  execute function check_job_images();


-- ── An order that has ended has no photo open ────────────────────────────────────────────────────────────────────

-- The row lock makes it hold below SERIALIZABLE too: whoever opens a photo again and whoever ends the order wait for each other.
create function check_order_ended() returns trigger
language plpgsql as $$
begin
  if exists (
    select from restoreclick.images
    where order_id = new.id and type = 'original' and status in ('pending', 'uploaded', 'processing')
  ) then
    raise exception 'order % cannot be %: a photo of it is still open', new.id, new.status using errcode = 'RC006';
  end if;
  return null;
end
$$;

create trigger order_ended after update of status on orders
  for each row when (new.status = 'completed' and old.status is distinct from new.status)
  execute function check_order_ended();

create function check_photo_opened() returns trigger
language plpgsql as $$
declare
  order_status text;
begin
  select status into order_status from restoreclick.orders where id = new.order_id for share;
  if order_status = 'completed' then
    raise exception 'image % cannot be %: its order % is completed', new.id, new.status, new.order_id using errcode = 'RC006';
  end if;
  return null;
end
$$;

-- Only a photo that comes to an order, or that had ended, can open a completed one.
create trigger photo_added after insert on images
  for each row when (new.type = 'original') execute function check_photo_opened();
create trigger photo_opened after update of status on images
  for each row when (
    new.type = 'original' and old.status in ('completed', 'failed') and new.status not in ('completed', 'failed'))
  execute function check_photo_opened();


-- ── Deleting an order ────────────────────────────────────────────────────────────────────────────────────────────

-- The jobs go first: of an order's images, a restored one may be deleted before the original whose deletion would take the job along.
create function delete_jobs_first() returns trigger
language plpgsql as $$
begin
  delete from restoreclick.restoration_jobs as job
  using restoreclick.images
  where images.order_id = old.id and job.original_image_id = images.id;
  return old;
end
$$;

create trigger delete_jobs_first before delete on orders
  for each row execute function delete_jobs_first();


-- ── Audit: nobody rewrites it, and it does not grow for ever ─────────────────────────────────────────────────────

-- A range of days is read in order of time; 1,000 times smaller than the B-tree beside it.
create index idx_audit_logs_created_at_brin on audit_logs using brin (created_at);

create table audit_archive (
  id uuid not null,
  entity_type varchar(50) not null,
  entity_id uuid not null,
  action varchar(50) not null,
  old_values jsonb,
  new_values jsonb,
  changed_fields text[],
  performed_by varchar(255),
  ip_address inet,
  user_agent text,
  created_at timestamp with time zone not null,
  metadata jsonb
) partition by range (created_at);

create index idx_audit_archive_entity on audit_archive (entity_type, entity_id);

create function refuse_rewrite() returns trigger
language plpgsql as $$
begin
  if current_setting('restoreclick.archiving', true) is distinct from 'on' then
    raise exception '% of % is refused: history is not rewritten', lower(tg_op), tg_table_name using errcode = 'RC003';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end
$$;

create trigger refuse_rewrite before update or delete on audit_logs
  for each row execute function refuse_rewrite();
create trigger refuse_rewrite before update or delete on audit_archive
  for each row execute function refuse_rewrite();
create trigger refuse_truncate before truncate on audit_archive execute function refuse_truncate();

-- Moves the oldest audit rows before a time to the archive, at most `batch` of them; says how many. Call until it says 0.
create function archive_audit(before timestamptz, batch integer default 1000) returns integer
language plpgsql security definer set search_path = restoreclick, pg_temp as $$
declare
  month timestamptz;
  moved integer;
begin
  perform set_config('restoreclick.archiving', 'on', true);
  -- The batch is of one month, so that it needs one partition.
  select date_trunc('month', min(created_at), 'UTC') into month from audit_logs where created_at < before;
  if month is null then return 0; end if;
  execute format(
    'create table if not exists %I partition of audit_archive for values from (%L) to (%L)',
    'audit_archive_' || to_char(month at time zone 'UTC', 'YYYY_MM'), month, month + interval '1 month');
  with oldest as (
    select id from audit_logs
    where created_at < least(before, month + interval '1 month')
    order by created_at
    limit batch
    for update skip locked
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

revoke execute on function archive_audit from public;


-- ── What happened to an order ────────────────────────────────────────────────────────────────────────────────────

-- The audit rows of an order and of all that hangs on it, its archive included.
create function order_history(wanted_number text)
returns table (at timestamptz, entity text, entity_id uuid, action text, old_values jsonb, new_values jsonb, actor text)
language sql stable as $$
  with wanted as (select id, upload_session_id from restoreclick.orders where order_number = wanted_number),
  concerned (entity, id) as (
    select 'order', id from wanted
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
  )
  select log.created_at, log.entity_type::text, log.entity_id, log.action::text, log.old_values, log.new_values, log.performed_by::text
  from concerned
  join (
    select created_at, entity_type, entity_id, action, old_values, new_values, performed_by from restoreclick.audit_logs
    union all
    select created_at, entity_type, entity_id, action, old_values, new_values, performed_by from restoreclick.audit_archive
  ) as log on log.entity_type = concerned.entity and log.entity_id = concerned.id
  order by log.created_at, log.entity_type, log.entity_id
$$;

-- The whole story of an order, in order, in words: `select * from restoreclick.explain_order('20261122-000001')`.
create function explain_order(wanted_number text) returns table (at timestamptz, actor text, what text)
language sql stable as $$
  select
    history.at,
    history.actor,
    case history.entity
      when 'file_upload' then 'photo upload'
      when 'restoration_job' then 'restoration job'
      when 'download_link' then 'download link'
      else history.entity
    end
    || ' ' || left(history.entity_id::text, 8) || ' '
    || case history.action
      when 'created' then 'came into being' || coalesce(' as ' || (history.new_values ->> 'status'), '')
      when 'deleted' then 'was deleted'
      when 'status_changed' then concat_ws(
        ', ',
        'went from ' || (history.old_values ->> 'status') || ' to ' || (history.new_values ->> 'status'),
        'its payment went from ' || (history.old_values ->> 'payment_status') || ' to ' || (history.new_values ->> 'payment_status'))
      else 'changed ' || coalesce((
        select string_agg(key || ' to ' || (history.new_values ->> key), ', ' order by key)
        from jsonb_object_keys(coalesce(history.new_values, '{}')) as key), 'a private field')
    end
    || coalesce(' because of ' || (history.new_values ->> 'error_code'), '')
  from restoreclick.order_history(wanted_number) as history
$$;
