-- Writes the photos of a new upload session; each waits for its bytes.
-- :customer_email may be null
-- :ip_address may be null
-- :user_agent may be null
with actor as materialized (
  select
    set_config('app.actor', :actor, true),
    set_config('app.ip_address', coalesce(:ip_address::text, ''), true),
    set_config('app.user_agent', coalesce(:user_agent::text, ''), true)
),
created as (
  insert into file_uploads (
    id, upload_session_id, customer_email, original_filename, storage_path, file_size_bytes,
    mime_type, position, expires_at)
  select
    photo.id, :session_id, lower(:customer_email::text), photo.name, photo.path, photo.size, photo.type,
    photo.position,
    present() + make_interval(secs => :expiry_seconds::int)
  from actor, 
    rows from (
      jsonb_to_recordset(:photos::jsonb) as (id uuid, name text, path text, size bigint, type text)
    ) with ordinality as photo (id, name, path, size, type, position)
  returning expires_at
)
select max(expires_at) as "expires_at!" from created;
