-- What should have moved on by itself and has not, oldest first, at most :batch of each kind. All
-- are compared with (select since …): as a value it bounds what an index reads (22 buffers at a
-- million orders), joined it would be read from end to end (657).
with overdue as (
  select present() - make_interval(secs => :overdue_seconds::int) as since
),
-- Orders first: of the few that are late, the photos. What hangs on each is looked up by its index:
-- the limits keep PostgreSQL, which cannot know how few they are, from reading all photos under way
-- instead.
late as materialized (
  select orders.id, orders.status, orders.payment_status, orders.updated_at
  from orders
  where orders.status in ('pending_payment', 'processing') and orders.updated_at < (select since from overdue)
),
late_photo as materialized (
  select
    photo.*, late.id as order_id,
    is_payable(late.status, late.payment_status) as payable
  from late
  cross join lateral (
    select images.id, images.status, images.updated_at, images.storage_path, images.upload_id
    from images
    where images.order_id = late.id and images.type = 'original' and images.status in ('pending', 'uploaded')
    limit 1000
  ) as photo
  where photo.updated_at < (select since from overdue)
),
photo as (
  select
    case photo.status when 'pending' then 'photo not kept' else 'photo without job' end as what,
    photo.id, photo.order_id, photo.updated_at as since, null::int as attempt,
    photo.storage_path, upload.storage_path as upload_path, upload.etag
  from late_photo as photo
  left join lateral (
    select file_uploads.storage_path, file_uploads.etag from file_uploads where file_uploads.id = photo.upload_id limit 1
  ) as upload on true
  where photo.status = 'pending'
    or (photo.payable
      and (select job.id from restoration_jobs as job where job.original_image_id = photo.id limit 1) is null)
  order by photo.updated_at
  limit :batch::int
),
job as (
  select 'job ' || job.status, job.id, photo.order_id, job.updated_at, job.attempt_number, null, null, null
  from restoration_jobs as job
  cross join lateral (
    select images.order_id
    from images
    join orders on orders.id = images.order_id
    where images.id = job.original_image_id and orders.status = 'processing'
    limit 1
  ) as photo
  where job.status in ('pending', 'queued', 'processing') and job.updated_at < (select since from overdue)
    and (job.scheduled_for < (select since from overdue)) is not false
  order by job.updated_at
  limit :batch::int
),
email as (
  select 'email ' || email.status, email.id, email.order_id, email.updated_at, email.attempt_number, null, null, null
  from email_queue as email
  where email.status in ('pending', 'sending')
    and email.scheduled_for < (select since from overdue)
    and (email.leased_until is null or email.leased_until <= (select since from overdue))
    -- As send-email's claim says: what brings photos waits while they are withheld.
    and (email.email_type not in ('restoration_complete', 'share_family')
      or (select withheld_because(orders.payment_status) from orders where orders.id = email.order_id limit 1) is null)
  order by email.scheduled_for
  limit :batch::int
),
unended as (
  select 'order not ended', late.id, late.id, late.updated_at, null::int, null, null, null
  from late
  where late.status = 'processing'
    and (select id from open_photos where order_id = late.id limit 1) is null
  order by late.updated_at
  limit :batch::int
)
select
  what as "what!", id as "id!", order_id as "order_id!", since as "since!", attempt, storage_path, upload_path, etag
from (
  select * from photo union all select * from job
  union all select * from email union all select * from unended
) as stuck (what, id, order_id, since, attempt, storage_path, upload_path, etag)
order by since;
