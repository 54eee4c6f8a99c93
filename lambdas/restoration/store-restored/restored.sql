-- A photo is restored: the restored image, the completed job and the completed original, all or
-- none. Says whether it was the order's last photo open. Nothing is written for a job that ended
-- otherwise meanwhile.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select
    job.id, job.status, job.started_at,
    original.id as original_id, original.order_id, original.original_filename, original.position,
    original.processing_started_at,
    derived_id(original.id::text, 'restored') as restored_id
  from actor
  cross join restoration_jobs as job
  join images as original on original.id = job.original_image_id
  where job.id = :job_id::uuid and job.attempt_number = :attempt::int
),
restored as (
  insert into images (
    id, order_id, type, status, storage_bucket, storage_path, file_size_bytes, mime_type, format, width, height,
    parent_image_id, original_filename, position, crc32, processing_started_at,
    processing_completed_at, processing_duration_ms)
  select
    found.restored_id, found.order_id, 'restored', 'completed', :bucket, :path, :size::bigint, :mime_type, :format,
    :width::int, :height::int, found.original_id, found.original_filename, found.position, :crc32::bigint,
    found.processing_started_at, present(),
    (extract(epoch from present() - found.processing_started_at) * 1000)::int
  from found
  where found.status = 'processing'
  on conflict do nothing
  returning id, parent_image_id
),
completed_job as (
  update restoration_jobs as job
  set
    status = 'completed', restored_image_id = restored.id, external_status = 'succeeded', completed_at = present(),
    output_data = jsonb_build_object('bytes', :size::bigint, 'width', :width::int, 'height', :height::int),
    error_code = null, error_message = null
  from restored
  where job.id = :job_id::uuid
  returning job.id
),
completed_original as (
  update images as original
  set
    status = 'completed', processing_completed_at = present(),
    processing_duration_ms = (extract(epoch from present() - original.processing_started_at) * 1000)::int
  from restored
  where original.id = restored.parent_image_id
  returning original.id
)
select
  found.order_id as "order_id!",
  case
    when exists (select from completed_job) and exists (select from completed_original) then 'completed'
    else found.status
  end as "status!",
  not exists (
    select from open_photos as other
    where other.order_id = found.order_id and other.id <> found.original_id
  ) as "last!"
from found;
