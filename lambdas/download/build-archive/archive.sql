-- The photos of a link, to be packed: at most an order's photos.
select
  link.order_id as "order_id!",
  withheld_because(orders.payment_status) as withheld,
  images.id as "image_id!",
  images.storage_bucket as "storage_bucket!",
  images.storage_path as "storage_path!",
  coalesce(images.format, 'jpg') as "format!",
  coalesce(images.original_filename, 'photo') as "original_filename!",
  coalesce(images.processing_completed_at, images.created_at) as "restored_at!"
from download_links as link
join orders on orders.id = link.order_id
-- Among the photos of its order, and not each by its id. The limit keeps it a lookup: joined, the
-- planner reads both indexes' ends.
cross join lateral (
  select * from images where images.order_id = link.order_id and link.target_images @> array[images.id] limit 1000
) as images
where link.id = :link_id::uuid
-- As in the mail that the photos go along with, so that their names are numbered alike.
order by images.position, images.parent_image_id;
