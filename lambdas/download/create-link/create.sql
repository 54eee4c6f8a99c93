-- A download link for one photo of an order, or for all its restored ones. No row when the order
-- has nothing such.
-- :image_id may be null
-- :ip_address may be null
-- :user_agent may be null
with actor as materialized (
  select
    set_config('app.actor', :actor, true),
    set_config('app.ip_address', coalesce(:ip_address::text, ''), true),
    set_config('app.user_agent', coalesce(:user_agent::text, ''), true)
),
target as (
  select array_agg(images.id order by images.id) as image_ids
  from images
  where images.order_id = :order_id::uuid
    and case :link_type
      when 'single_image' then images.id = :image_id::uuid and images.status in ('uploaded', 'processing', 'completed')
      else images.type = 'restored' and images.status = 'completed'
    end
),
linked as (
  insert into download_links (order_id, token, link_type, target_images, max_downloads, expires_at)
  select
    :order_id::uuid, :token_hash, :link_type, target.image_ids,
    :max_downloads::int, present() + make_interval(secs => :link_seconds::int)
  from actor, target
  where target.image_ids is not null
  returning id, expires_at, max_downloads
)
select linked.id, linked.expires_at as "expires_at!", linked.max_downloads as "max_downloads!"
from actor, linked;
