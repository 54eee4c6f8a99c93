-- The photos of an upload session, at most as many as a session may hold.
select
  upload.id,
  upload.original_filename,
  upload.status,
  upload.refusal_code,
  upload.width,
  upload.height,
  upload.expires_at as "expires_at!",
  (upload.expires_at <= present()) as "late!",
  exists (select from orders where orders.upload_session_id = :session_id) as "ordered!"
from file_uploads as upload
where upload.upload_session_id = :session_id
order by upload.position, upload.id;
