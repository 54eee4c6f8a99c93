-- The photos of an upload session, and which of them may still come.
select
  upload.id,
  upload.original_filename,
  upload.storage_path,
  upload.mime_type as "mime_type!",
  upload.file_size_bytes as "file_size_bytes!",
  upload.expires_at as "expires_at!",
  (upload.status = 'pending' and upload.expires_at > present()) as "waiting!"
from file_uploads as upload
where upload.upload_session_id = :session_id
order by upload.position, upload.id;
