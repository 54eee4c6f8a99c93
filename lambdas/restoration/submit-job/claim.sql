-- Takes a waiting job that is due, or one whose holder died, for as long as the lease; its photo is
-- then being processed.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select
    job.id, job.status, job.attempt_number, job.external_job_id, job.queued_at,
    job.leased_until <= present() as lease_ended,
    job.scheduled_for, (job.scheduled_for > present()) is true as early,
    image.id as image_id, image.order_id, image.storage_path,
    is_payable(orders.status, orders.payment_status) as payable
  from actor
  cross join restoration_jobs as job
  join images as image on image.id = job.original_image_id
  join orders on orders.id = image.order_id
  where job.id = :job_id::uuid
),
claimed as (
  update restoration_jobs as job
  set
    status = 'queued',
    queued_at = coalesce(case when found.status = 'queued' then job.queued_at end, present()),
    leased_until = present() + make_interval(secs => :lease_seconds::int)
  from found
  where job.id = found.id
    and found.payable
    and not found.early
    and found.attempt_number = :attempt::int
    and (found.status = 'pending' or (found.status = 'queued' and found.lease_ended))
  returning job.original_image_id
),
started as (
  update images
  set status = 'processing', processing_started_at = coalesce(images.processing_started_at, present())
  from claimed
  where images.id = claimed.original_image_id and images.status = 'uploaded'
  returning images.id
)
select
  case
    when exists (select from claimed) and found.status = 'pending' then 'claimed'
    when exists (select from claimed) then 'taken over'
    when found.attempt_number <> :attempt::int then 'superseded'
    when found.status = 'processing' then 'submitted'
    when found.status in ('completed', 'failed', 'cancelled') then 'ended'
    when not found.payable then 'not payable'
    when found.early then 'early'
    else 'held'
  end as "outcome!",
  found.image_id,
  found.order_id as "order_id!",
  found.storage_path,
  found.external_job_id,
  found.queued_at,
  found.scheduled_for
from found;
