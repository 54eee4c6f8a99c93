-- The order was refunded in full: nobody shall work on its photos any more. Those not restored by
-- now have failed, so that nothing of the order is left open, should the refund fail and the order
-- be given back.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
original as (
  select images.id
  from orders
  join images on images.order_id = orders.id and images.type = 'original'
  where orders.id = :order_id::uuid and orders.status = 'refunded'
),
cancelled as (
  update restoration_jobs as job
  set status = 'cancelled', error_code = 'order_refunded', leased_until = null
  from actor, original
  where job.original_image_id = original.id and job.status in ('pending', 'queued', 'processing')
  returning job.id
),
ended as (
  update images
  set status = 'failed', error_code = 'order_refunded'
  from actor, original
  where images.id = original.id and images.status not in ('completed', 'failed')
)
select count(cancelled.id)::int as "cancelled!"
from actor left join cancelled on true;
