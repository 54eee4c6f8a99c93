-- An attempt has failed: the job waits for its next one, or has failed for good and its photo with
-- it. One that is not counted takes none from the photo, until there are 24: of a quarter of an
-- hour each, or of an hour each where the output could not be stored, and then a dollar of
-- predictions. Asked again, it answers the same: the next attempt, or whether that was the last
-- photo open.
-- :error_message may be null
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select
    job.id, job.status, job.attempt_number, job.external_job_id, image.id as image_id, image.order_id,
    attempts.most,
    :retryable::boolean and job.attempt_number < attempts.most as again
  from actor
  cross join restoration_jobs as job
  join images as image on image.id = job.original_image_id
  cross join lateral (
    select case
      when :counted::boolean then job.max_attempts
      else greatest(job.max_attempts, least(job.max_attempts + 1, 24))
    end as most
  ) as attempts
  where job.id = :job_id::uuid
),
settled as (
  update restoration_jobs as job
  set
    status = case when found.again then 'pending' else 'failed' end,
    attempt_number = case when found.again then job.attempt_number + 1 else job.attempt_number end,
    max_attempts = found.most,
    failed_at = case when found.again then null else present() end,
    external_job_id = case when found.again then null else job.external_job_id end,
    external_status = case when found.again then null else 'failed' end,
    error_code = :error_code, error_message = left(:error_message::text, 500), leased_until = null,
    scheduled_for = null
  from found
  where job.id = found.id
    and found.attempt_number = :attempt::int and found.status in ('pending', 'queued', 'processing')
  returning job.status, job.attempt_number, job.original_image_id
),
failed_photo as (
  update images
  set status = 'failed', error_code = :error_code, processing_completed_at = present()
  from settled
  where settled.status = 'failed' and images.id = settled.original_image_id
  returning images.id
),
now_is as (
  select status, attempt_number from settled
  union all
  select status, attempt_number from found where not exists (select from settled)
)
select
  found.order_id as "order_id!",
  case
    when now_is.status = 'pending' and now_is.attempt_number = :attempt::int + 1 then 'again'
    when now_is.status = 'failed' and now_is.attempt_number = :attempt::int then 'failed'
    else 'superseded'
  end as "outcome!",
  -- 30 s, 60 s, 120 s … with full jitter above the half, at most the 900 s that a queue delays.
  least(900, 30 * 2 ^ (:attempt::int - 1) * (0.5 + random() / 2))::int as "delay_seconds!",
  found.external_job_id,
  not exists (
    select from open_photos as other
    where other.order_id = found.order_id and other.id <> found.image_id
  ) as "last!"
from found, now_is;
