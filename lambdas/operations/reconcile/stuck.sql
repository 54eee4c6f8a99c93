-- What should have moved on by itself and has not, oldest first, at most :batch of each kind.
with overdue as (
  select present() - make_interval(secs => :overdue_seconds::int) as since
),
-- Orders first: of the few that are late, the photos; and not of all photos under way the late ones.
late as materialized (
  select orders.id, orders.status, orders.payment_status, orders.updated_at
  from overdue, orders
  where orders.status in ('pending_payment', 'processing') and orders.updated_at < overdue.since
),
late_photo as materialized (
  select
    images.id, images.order_id, images.status, images.updated_at, images.storage_path, images.upload_id,
    late.status = 'processing' and late.payment_status in ('paid', 'partially_refunded') as payable
  from overdue, late
  join images on images.order_id = late.id
  where images.type = 'original' and images.status in ('pending', 'uploaded') and images.updated_at < overdue.since
),
photo as (
  select
    case photo.status when 'pending' then 'photo not kept' else 'photo without job' end as what,
    photo.id, photo.order_id, photo.updated_at as since, null::int as attempt,
    photo.storage_path, upload.storage_path as upload_path, upload.etag
  from late_photo as photo
  left join file_uploads as upload on upload.id = photo.upload_id
  where photo.status = 'pending'
    or (photo.payable and not exists (select from restoration_jobs as job where job.original_image_id = photo.id))
  order by photo.updated_at
  limit :batch::int
),
job as (
  select 'job ' || job.status, job.id, images.order_id, job.updated_at, job.attempt_number, null, null, null
  from overdue, restoration_jobs as job
  join images on images.id = job.original_image_id
  join orders on orders.id = images.order_id and orders.status = 'processing'
  where job.status in ('pending', 'queued', 'processing') and job.updated_at < overdue.since
  order by job.updated_at
  limit :batch::int
),
email as (
  select 'email ' || status, id, order_id, updated_at, attempt_number, null, null, null
  from overdue, email_queue
  where status in ('pending', 'sending') and scheduled_for < overdue.since and coalesce(leased_until, overdue.since) <= overdue.since
  order by scheduled_for
  limit :batch::int
),
unended as (
  select 'order not ended', late.id, late.id, late.updated_at, null::int, null, null, null
  from late
  where late.status = 'processing'
    and not exists (
      select from images
      where images.order_id = late.id and images.type = 'original' and images.status in ('pending', 'uploaded', 'processing'))
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
