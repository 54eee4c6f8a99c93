-- The photos of a link, to be packed: at most an order's photos. Takes them for the caller, unless
-- somebody else has and holds on; the same photos are the same archive, whichever link asks for it.
with link as (
  select
    download_links.order_id, download_links.target_images,
    derived_id(order_id::text, 'archive ' || array_to_string(target_images, ' ')) as build_id,
    withheld_because(orders.payment_status) as withheld
  from download_links
  join orders on orders.id = download_links.order_id
  where download_links.id = :link_id::uuid
),
taken as (
  insert into archive_builds (id, order_id, holder, leased_until)
  select
    build_id, order_id, :holder::uuid, present() + make_interval(secs => :lease_seconds::int)
  from link
  where withheld is null
  on conflict (id) do update
  set holder = excluded.holder, leased_until = excluded.leased_until
  where archive_builds.leased_until <= present()
  returning id
)
select
  link.order_id as "order_id!",
  link.withheld,
  link.build_id as "build_id!",
  exists (select from taken) as "taken!",
  images.id as "image_id!",
  images.storage_bucket as "storage_bucket!",
  images.storage_path as "storage_path!",
  coalesce(images.format, 'jpg') as "format!",
  coalesce(images.original_filename, 'photo') as "original_filename!",
  images.file_size_bytes as size,
  -- Null for what was stored before sums were kept.
  images.crc32,
  coalesce(images.processing_completed_at, images.created_at) as "restored_at!"
from link
-- Among the photos of its order, and not each by its id. The limit keeps it a lookup: joined, the
-- planner reads both indexes' ends.
cross join lateral (
  select * from images
  where images.order_id = link.order_id and link.target_images @> array[images.id]
  limit 1000
) as images
-- As in the mail that the photos go along with, so that their names are numbered alike.
order by images.position, images.parent_image_id;
