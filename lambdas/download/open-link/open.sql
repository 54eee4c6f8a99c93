-- Looks a link up and counts the download in one breath. Counted is who asks for the whole, or for
-- a part of it without having begun a moment ago; an archive only when it is there to be had.
-- Answers a row for each photo of the link.
-- :ip_address may be null
-- :user_agent may be null
with actor as materialized (
  select
    set_config('app.actor', :actor, true),
    set_config('app.ip_address', coalesce(:ip_address::text, ''), true),
    set_config('app.user_agent', coalesce(:user_agent::text, ''), true)
),
found as (
  select
    link.id, link.order_id, link.link_type, link.target_images, orders.order_number,
    withheld_because(orders.payment_status) as withheld,
    link.expires_at <= present() or link.key_version <> orders.key_version as expired,
    link.download_count >= link.max_downloads as used_up,
    link.last_viewer = :viewer
      and link.last_accessed_at > present() - make_interval(secs => :again_seconds::int) as again,
    link.link_type = 'single_image' or cardinality(link.target_images) = 1 as single
  from actor
  cross join download_links as link
  join orders on orders.id = link.order_id
  where link.token = :token_hash
),
counted as (
  update download_links as link
  set
    download_count = link.download_count + 1, last_accessed_at = present(),
    last_viewer = :viewer
  from found
  where link.id = found.id
    and found.withheld is null and not found.expired and not found.used_up
    and (found.single or :archive_ready::boolean)
    and (:asked = 'whole' or (:asked = 'part' and found.again is not true))
  returning link.id
)
select
  found.id as "link_id!",
  found.order_id as "order_id!",
  found.withheld,
  found.link_type = 'share' as "shared!",
  found.expired as "expired!",
  -- Who is at the last download may go on with it.
  found.used_up and not (found.again is true and :asked = 'part') as "spent!",
  found.single as "single!",
  exists (select from counted) as "counted!",
  found.order_number as "order_number!",
  images.id as "image_id!",
  images.type as "image_type!",
  images.storage_bucket as "storage_bucket!",
  images.storage_path as "storage_path!",
  coalesce(images.format, 'jpg') as "format!",
  coalesce(images.original_filename, 'photo') as "original_filename!"
from found
cross join lateral (
  select * from images where images.order_id = found.order_id and found.target_images @> array[images.id] limit 1000
) as images
order by images.id;
