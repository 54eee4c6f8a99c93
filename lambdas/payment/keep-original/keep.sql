-- A photo lies with the originals: the image is uploaded, its upload moved, and, if the order is
-- payable, its job waits. Asked again, it answers what is still to be done: the job that nobody has
-- taken yet.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select
    images.id, images.status, images.upload_id,
    is_payable(orders.status, orders.payment_status) as payable
  from actor
  cross join images
  join orders on orders.id = images.order_id
  where images.id = :image_id::uuid and images.order_id = :order_id::uuid
),
uploaded as (
  update images
  set status = 'uploaded'
  from found
  where images.id = found.id and found.status = 'pending'
  returning images.id
),
moved as (
  update file_uploads as upload
  set status = 'moved_to_permanent'
  from found
  where upload.id = found.upload_id and upload.status = 'uploaded' and found.status in ('pending', 'uploaded')
  returning upload.id
),
-- By the photo alone: the small index of live jobs has one page for all, and reading it would meet
-- every other photo's insert.
known as (
  select id, attempt_number, status from restoration_jobs where original_image_id = :image_id::uuid
),
waiting as (select id, attempt_number from known where status = 'pending'),
job as (
  insert into restoration_jobs (id, original_image_id, status)
  select derived_id(found.id::text, 'restoration'), found.id, 'pending'
  from found
  where found.payable and found.status in ('pending', 'uploaded')
    and not exists (select from known)
  on conflict do nothing
  returning id, attempt_number
)
select
  coalesce(job.id, waiting.id) as job_id,
  coalesce(job.attempt_number, waiting.attempt_number) as attempt
from found
left join waiting on true
left join job on true;
