-- When every original has ended, the order has: completed if any photo was restored, failed if none. Its email is queued with it.
-- Photos small enough together go along as attachments, named by their ids only.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select orders.id, orders.status, orders.customer_id from orders where orders.id = :order_id::uuid
),
original as (
  select
    count(*) filter (where status in ('pending', 'uploaded', 'processing')) as open,
    count(*) filter (where status = 'completed') as restored,
    count(*) as total
  from images
  where order_id = :order_id::uuid and type = 'original'
),
restored as (
  select jsonb_agg(jsonb_build_object('imageId', id) order by id) as attachments, sum(file_size_bytes) as bytes
  from images
  where order_id = :order_id::uuid and type = 'restored' and status = 'completed'
),
ended as (
  update orders
  set
    status = case when original.restored > 0 then 'completed' else 'failed' end,
    completed_at = case when original.restored > 0 then present() end
  from actor, found, original
  where orders.id = found.id and found.status = 'processing' and original.open = 0 and original.total > 0
  returning orders.id, orders.status
),
announced as (
  insert into email_queue (id, order_id, email_type, to_email, to_name, scheduled_for, attachments)
  select
    derived_id(ended.id::text, 'restoration_complete'), ended.id, 'restoration_complete',
    customers.email, customers.name, present(),
    case when restored.bytes <= :max_attachment_bytes::bigint then restored.attachments else '[]' end
  from ended, found, restored, customers
  where customers.id = found.customer_id
  on conflict do nothing
  returning id
)
select
  coalesce((select status from ended), found.status) as "status!",
  original.open::int as "open!",
  coalesce(
    (select id from announced),
    (select id from email_queue
     where order_id = found.id and email_type = 'restoration_complete' and status = 'pending'
     order by round limit 1)
  ) as email_id
from actor, found, original;
