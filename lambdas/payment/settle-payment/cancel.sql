-- The order was refunded in full: nobody shall work on its photos any more.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
cancelled as (
  update restoration_jobs as job
  set status = 'cancelled', error_code = 'order_refunded', leased_until = null
  from actor, images, orders
  where orders.id = :order_id::uuid and orders.status = 'refunded'
    and images.order_id = orders.id and images.type = 'original'
    and job.original_image_id = images.id
    and job.status in ('pending', 'queued', 'processing')
  returning job.id
)
select count(cancelled.id)::int as "cancelled!"
from actor left join cancelled on true;
