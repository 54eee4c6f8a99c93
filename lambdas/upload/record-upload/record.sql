-- A photo's bytes are there and are a photo. A later object under the same key counts until a
-- checkout sells the photo.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
recorded as (
  update file_uploads as upload
  set
    status = 'uploaded', file_size_bytes = :size::bigint, mime_type = :mime_type,
    width = :width::int, height = :height::int, etag = :etag
  from actor
  where upload.id = :upload_id::uuid
    and upload.upload_session_id = :session_id
    and (upload.status = 'pending'
      or (upload.status = 'uploaded' and upload.checkout_attempt is null and upload.etag is distinct from :etag))
)
select upload.status as status_before
from actor, file_uploads as upload
where upload.id = :upload_id::uuid and upload.upload_session_id = :session_id;
