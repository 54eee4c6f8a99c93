-- A download link for one photo of an order, or for all its restored ones. None where the order has
-- nothing such, links enough, or its photos withheld; no row for no such order, or a key of it that
-- was revoked.
-- :image_id may be null
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
    orders.id, orders.key_version, withheld_because(orders.payment_status) as withheld,
    -- Each photo and the archive, five times over.
    (select count(*) from download_links as link
     where link.order_id = orders.id and link.expires_at > present()) >= 500 as spent
  from actor, orders
  where orders.id = :order_id::uuid and orders.key_version = :key_version::int
),
target as (
  select array_agg(images.id order by images.id) as image_ids
  from found
  join images on images.order_id = found.id
  where case :link_type
    when 'single_image' then images.id = :image_id::uuid and images.status in ('uploaded', 'processing', 'completed')
    else images.type = 'restored' and images.status = 'completed'
  end
),
linked as (
  insert into download_links (order_id, key_version, token, link_type, target_images, max_downloads, expires_at)
  select
    found.id, found.key_version, :token_hash, :link_type, target.image_ids,
    :max_downloads::int, present() + make_interval(secs => :link_seconds::int)
  from found, target
  where target.image_ids is not null and found.withheld is null and not found.spent
  returning id, expires_at, max_downloads
)
select
  found.withheld, found.spent as "spent!", linked.id as link_id, linked.expires_at, linked.max_downloads
from found
left join linked on true;
