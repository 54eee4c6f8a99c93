-- A photo's bytes are there and cannot be taken; the handler then deletes the object.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
refused as (
  update file_uploads as upload
  set status = 'deleted', refusal_code = :refusal_code, etag = :etag, file_size_bytes = :size::bigint
  from actor
  where upload.id = :upload_id::uuid
    and upload.upload_session_id = :session_id
    and (upload.status = 'pending' or (upload.status = 'uploaded' and upload.checkout_attempt is null))
)
select upload.status as status_before
from actor, file_uploads as upload
where upload.id = :upload_id::uuid and upload.upload_session_id = :session_id;
