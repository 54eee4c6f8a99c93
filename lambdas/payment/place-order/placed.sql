-- The order of an upload session that is there already, from an earlier run or from another
-- checkout, and what is still to be asked for. Answers a row for each photo still to be kept (at
-- most a session's photos), or one without a photo.
with existing as (
  select id, stripe_checkout_session_id from orders where upload_session_id = :session_id
),
-- Found first and asked for their status then: an index by status has a page or two for all orders
-- under way, and reading one would meet their writers (160 of 200 statements were tried again under
-- 8 clients, and none is now).
known_image as materialized (
  select id, storage_path, upload_id, type, status from images where order_id = (select id from existing)
),
known_email as materialized (
  select id, status from email_queue where id = derived_id((select id from existing)::text, 'order_confirmation')
),
unkept as (
  select id, storage_path, upload_id from known_image where type = 'original' and status = 'pending'
)
select
  existing.id as "order_id!",
  existing.stripe_checkout_session_id as "checkout_id!",
  (select id from known_email where status = 'pending') as email_id,
  unkept.id as image_id,
  unkept.storage_path as original_key,
  upload.storage_path as upload_key,
  upload.etag as upload_etag
from existing
left join unkept on true
left join file_uploads as upload on upload.id = unkept.upload_id;
