-- Takes an email that is due, or whose holder died, for as long as the lease, and makes the
-- download links it carries. A link's token is the SHA-256 of a seed of 256 random bits, which only
-- this call knows, and of what it opens; the row keeps its hash. Answers a row for each photo the
-- email speaks of (at most an order's photos), or one without a photo. What
-- brings photos waits while its order's are withheld: settle-payment asks for it again.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select
    email.id, email.order_id, email.email_type, email.to_email, email.to_name, email.cc_emails, email.status,
    email.attempt_number, email.max_attempts, email.dynamic_data, email.attachments, email.scheduled_for, email.leased_until,
    orders.order_number, orders.currency, orders.total_amount, orders.photo_count,
    orders.payment_status, orders.key_version,
    email.email_type in ('restoration_complete', 'share_family')
      and withheld_because(orders.payment_status) is not null as withheld,
    email.email_type = 'share_family' and exists (
      select from email_suppressions as suppression
      where suppression.address_hash = address_hash(email.to_email)) as unwanted
  from actor
  cross join email_queue as email
  join orders on orders.id = email.order_id
  where email.id = :email_id::uuid
),
claimed as (
  update email_queue as email
  set
    status = 'sending', attempt_number = email.attempt_number + 1,
    leased_until = present() + make_interval(secs => :lease_seconds::int)
  from found
  where email.id = found.id
    and not found.withheld
    and found.attempt_number < found.max_attempts
    and ((found.status = 'pending' and found.scheduled_for <= present())
      or (found.status = 'sending' and found.leased_until <= present()))
  returning email.id, email.attempt_number
),
image as materialized (
  select
    images.id, images.parent_image_id, images.original_filename, images.status,
    images.storage_bucket, images.storage_path, images.format, images.mime_type,
    images.position
  from images
  where images.order_id = (select order_id from found where email_type <> 'order_confirmation')
),
photo as (
  select
    original.id as original_id, original.original_filename, original.status, original.position,
    restored.id as restored_id, restored.storage_bucket, restored.storage_path, restored.format, restored.mime_type
  from image as original
  left join image as restored on restored.parent_image_id = original.id
  where original.parent_image_id is null
),
wanted as (
  select 'single_image' as link_type, photo.restored_id::text as opens, array[photo.restored_id] as target_images
  from found, photo
  where found.email_type = 'restoration_complete' and photo.restored_id is not null
  union all
  select
    case found.email_type when 'share_family' then 'share' else 'zip_all' end, 'all',
    array_agg(photo.restored_id order by photo.restored_id)
  from found, photo
  where photo.restored_id is not null
  group by found.email_type
  having count(*) > 1 or found.email_type = 'share_family'
),
linked as (
  insert into download_links (order_id, key_version, token, link_type, target_images, max_downloads, expires_at)
  select
    found.order_id, found.key_version,
    encode(sha256(convert_to(encode(sha256(convert_to(:seed || '/' || wanted.opens, 'UTF8')), 'hex'), 'UTF8')), 'hex'),
    wanted.link_type, wanted.target_images, :max_downloads::int, present() + make_interval(secs => :link_seconds::int)
  from claimed, found, wanted
  where not found.unwanted
  returning id, link_type, expires_at, cardinality(target_images) as photos
)
select
  case
    when claimed.id is not null then 'claimed'
    when found.status in ('sent', 'failed', 'bounced') then 'ended'
    when found.withheld then 'withheld'
    when found.attempt_number >= found.max_attempts
      and (found.status = 'pending' or found.leased_until <= present()) then 'exhausted'
    else 'waiting'
  end as "outcome!",
  greatest(1, least(900, ceil(extract(epoch from
    case found.status when 'sending' then found.leased_until else found.scheduled_for end - present()))))::int
    as "wait_seconds!",
  coalesce(claimed.attempt_number, found.attempt_number) as "attempt!",
  found.unwanted as "unwanted!",
  found.order_id as "order_id!",
  found.order_number as "order_number!",
  found.key_version as "key_version!",
  found.payment_status as "payment_status!",
  found.currency as "currency!",
  found.total_amount as "total_amount!",
  found.photo_count,
  found.email_type as "email_type!",
  found.to_email as "to_email!",
  found.to_name,
  found.cc_emails,
  found.dynamic_data as "dynamic_data!",
  (select id from linked where link_type in ('zip_all', 'share') and photos > 1) as archive_link_id,
  (select min(expires_at) from linked) as links_expire_at,
  photo.original_filename,
  photo.status as photo_status,
  photo.restored_id,
  photo.format,
  photo.mime_type,
  case when found.attachments @> jsonb_build_array(jsonb_build_object('imageId', photo.restored_id))
    then photo.storage_path end as attachment_path
from found
left join claimed on true
left join photo on claimed.id is not null
order by photo.position, photo.original_id;
