-- Marks what S3 expired, unless it was sold meanwhile.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
expired as (
  update file_uploads as upload
  set status = 'expired'
  from actor
  where upload.id = :upload_id::uuid
    and upload.upload_session_id = :session_id
    and upload.status in ('pending', 'uploaded')
    and not exists (select from images where images.upload_id = upload.id)
  returning upload.id
)
select count(expired.id)::int as "expired!"
from actor left join expired on true;
