-- What should have moved on by itself and has not, oldest first, at most :batch of each kind.
with overdue as (
  select present() - make_interval(secs => :overdue_seconds::int) as since
),
photo as (
  select 'photo not kept' as what, images.id, images.order_id, images.updated_at as since, null::int as attempt, images.storage_path, upload.storage_path as upload_path, upload.etag
  from overdue, images
  join orders on orders.id = images.order_id and orders.status in ('pending_payment', 'processing')
  left join file_uploads as upload on upload.id = images.upload_id
  where images.type = 'original' and images.status = 'pending' and images.updated_at < overdue.since
  order by images.updated_at
  limit :batch::int
),
unasked as (
  select 'photo without job', images.id, images.order_id, images.updated_at, null::int, images.storage_path, upload.storage_path, upload.etag
  from overdue, images
  join orders on orders.id = images.order_id and orders.status = 'processing' and orders.payment_status in ('paid', 'partially_refunded')
  left join file_uploads as upload on upload.id = images.upload_id
  where images.type = 'original' and images.status = 'uploaded' and images.updated_at < overdue.since
    and not exists (select from restoration_jobs as job where job.original_image_id = images.id)
  order by images.updated_at
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
  select 'order not ended', orders.id, orders.id, orders.updated_at, null::int, null, null, null
  from overdue, orders
  where orders.status = 'processing' and orders.updated_at < overdue.since
    and not exists (
      select from images
      where images.order_id = orders.id and images.type = 'original' and images.status in ('pending', 'uploaded', 'processing'))
  order by orders.updated_at
  limit :batch::int
)
select
  what as "what!", id as "id!", order_id as "order_id!", since as "since!", attempt, storage_path, upload_path, etag
from (
  select * from photo union all select * from unasked union all select * from job
  union all select * from email union all select * from unended
) as stuck (what, id, order_id, since, attempt, storage_path, upload_path, etag)
order by since;
