-- An order and its photos, at most as many as a session may hold.
select
  orders.id as order_id,
  orders.order_number,
  orders.status as order_status,
  orders.payment_status as "payment_status!",
  orders.currency as "currency!",
  orders.total_amount,
  orders.created_at as "created_at!",
  orders.completed_at,
  original.id as "photo_id!",
  original.original_filename as "name!",
  original.status as "photo_status!",
  original.error_code,
  restored.id as restored_id,
  restored.width,
  restored.height
from orders
join images as original on original.order_id = orders.id and original.type = 'original'
left join images as restored on restored.parent_image_id = original.id and restored.status = 'completed'
where orders.id = :order_id::uuid
order by original.original_filename, original.id;
