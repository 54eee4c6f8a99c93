-- What one row cannot tell of itself: rules across rows, whoever writes.

set local search_path to restoreclick;


-- ── What a photo and a job belong to never changes ──────────────────────────────────────────────
-- Because it does not, what is checked once, when the row comes, holds for good: no two
-- transactions can slip past it together.

create function refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception '% of % % never changes', tg_argv[0], tg_table_name, old.id
    using errcode = 'RC004';
end
$$;

create trigger fixed_order before update of order_id on images
  for each row when (new.order_id is distinct from old.order_id)
  execute function refuse_change('the order');
create trigger fixed_type before update of type on images
  for each row when (new.type is distinct from old.type)
  execute function refuse_change('the type');
create trigger fixed_parent before update of parent_image_id on images
  for each row when (new.parent_image_id is distinct from old.parent_image_id)
  execute function refuse_change('the parent');
create trigger fixed_original before update of original_image_id on restoration_jobs
  for each row when (new.original_image_id is distinct from old.original_image_id)
  execute function refuse_change('the original');

create function check_restored_parent() returns trigger
language plpgsql as $$
begin
  if not exists (
    select from restoreclick.images as parent
    where parent.id = new.parent_image_id and parent.type = 'original'
      and parent.order_id is not distinct from new.order_id
  ) then
    raise exception 'restored image %: its parent % is not an original of the same order',
      new.id, new.parent_image_id
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
  if not exists (
    select from restoreclick.images where id = new.original_image_id and type = 'original'
  ) then
    raise exception 'job %: image % is not an original', new.id, new.original_image_id
      using errcode = 'RC005';
  end if;
  if new.restored_image_id is not null and not exists (
    select from restoreclick.images
    where id = new.restored_image_id and parent_image_id = new.original_image_id
  ) then
    raise exception 'job %: restored image % is not made of original %',
      new.id, new.restored_image_id, new.original_image_id
      using errcode = 'RC005';
  end if;
  return null;
end
$$;

create trigger job_images_inserted after insert on restoration_jobs
  for each row execute function check_job_images();
create trigger job_images_updated after update of restored_image_id on restoration_jobs
  for each row when (
    new.restored_image_id is not null
    and new.restored_image_id is distinct from old.restored_image_id)
  execute function check_job_images();


-- ── A completed order has no photo open ─────────────────────────────────────────────────────────
-- Whoever opens a photo again and whoever ends its order wait for each other, by the order's lock.
-- But who waited for a lock goes on seeing what it saw before, unless READ COMMITTED: then the
-- check does not see the other's photo. Of two SERIALIZABLE transactions, as the steps' are,
-- PostgreSQL itself stops one. Anybody else who opens a photo writes the order, so that a
-- SERIALIZABLE one that ends it meanwhile fails (40001); and nobody ends one in REPEATABLE READ.

create function check_order_ended() returns trigger
language plpgsql as $$
begin
  if current_setting('transaction_isolation') = 'repeatable read' then
    raise exception
      'order % cannot be % in REPEATABLE READ, which may not see a photo being opened',
      new.id, new.status
      using errcode = 'RC006';
  end if;
  if exists (select from restoreclick.open_photos where order_id = new.id) then
    raise exception 'order % cannot be %: a photo of it is still open', new.id, new.status
      using errcode = 'RC006';
  end if;
  return null;
end
$$;

create trigger order_ended after update of status on orders
  for each row when (new.status = 'completed' and old.status is distinct from new.status)
  execute function check_order_ended();

-- Once a statement, not once a photo: 54 buffers of the 790 that an order of ten photos took.
create function check_photos_added() returns trigger
language plpgsql as $$
declare
  ordered record;
begin
  if current_setting('transaction_isolation') <> 'serializable' then
    update restoreclick.orders set updated_at = updated_at
    where id in (select order_id from added where type = 'original');
  end if;
  for ordered in
    select id, status from restoreclick.orders
    where id in (select order_id from added where type = 'original')
    for share
  loop
    if ordered.status = 'completed' then
      raise exception 'order % is completed: no photo can come to it', ordered.id
        using errcode = 'RC006';
    end if;
  end loop;
  return null;
end
$$;

create trigger photos_added after insert on images
  referencing new table as added for each statement execute function check_photos_added();

create function check_photo_opened() returns trigger
language plpgsql as $$
declare
  order_status text;
begin
  if current_setting('transaction_isolation') = 'serializable' then
    select status into order_status from restoreclick.orders where id = new.order_id for share;
  else
    update restoreclick.orders set updated_at = updated_at where id = new.order_id
    returning status into order_status;
  end if;
  if order_status = 'completed' then
    raise exception 'image % cannot be %: its order % is completed', new.id, new.status, new.order_id
      using errcode = 'RC006';
  end if;
  return null;
end
$$;

create trigger photo_opened after update of status on images
  for each row when (
    new.type = 'original'
    and old.status in ('completed', 'failed') and new.status not in ('completed', 'failed'))
  execute function check_photo_opened();


-- ── Deleting an order ───────────────────────────────────────────────────────────────────────────

-- The jobs go first: of an order's images, a restored one may be deleted before the original whose
-- deletion would take the job along.
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
