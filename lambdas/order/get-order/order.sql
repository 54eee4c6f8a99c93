-- An order and its images, at most two for each photo of a session: one read of them, and who asks
-- pairs each original with its restored one.
select
  orders.id as order_id,
  orders.order_number,
  orders.status as order_status,
  orders.payment_status as "payment_status!",
  orders.currency as "currency!",
  orders.total_amount,
  orders.created_at as "created_at!",
  orders.completed_at,
  image.id as "image_id!",
  image.parent_image_id,
  image.original_filename as "name!",
  image.status as "image_status!",
  image.width,
  image.height
from orders
join images as image on image.order_id = orders.id
where orders.id = :order_id::uuid and orders.key_version = :key_version::int
order by image.position, image.id;
