-- When every original has ended, the order has: completed if any photo was restored, failed if
-- none. Its email is queued with it. Photos small enough together go along as attachments, named by
-- their ids only.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select orders.id, orders.status from actor, orders where orders.id = :order_id::uuid
),
photo as (
  select
    count(*) filter (where type = 'original') as total,
    count(*) filter (where type = 'original' and status not in ('completed', 'failed')) as open,
    count(*) filter (where type = 'original' and status = 'completed') as restored,
    jsonb_agg(jsonb_build_object('imageId', id) order by id) filter (where type = 'restored') as attachments,
    sum(file_size_bytes) filter (where type = 'restored') as bytes
  from images
  where order_id = :order_id::uuid
),
ended as (
  update orders
  set
    status = case when photo.restored > 0 then 'completed' else 'failed' end,
    completed_at = case when photo.restored > 0 then present() end
  from found, photo
  where orders.id = found.id and found.status = 'processing' and photo.open = 0 and photo.total > 0
  returning orders.id, orders.status, orders.customer_id
),
announced as (
  insert into email_queue (id, order_id, email_type, to_email, to_name, scheduled_for, attachments)
  select
    derived_id(ended.id::text, 'restoration_complete'), ended.id, 'restoration_complete',
    customers.email,
    -- As given with this order, which may be another's than the address's.
    (select to_name from email_queue where order_id = ended.id and email_type = 'order_confirmation' limit 1),
    present(),
    case when photo.bytes <= :max_attachment_bytes::bigint then photo.attachments else '[]' end
  from ended, photo, customers
  where customers.id = ended.customer_id
  on conflict do nothing
  returning id
)
select
  coalesce((select status from ended), found.status) as "status!",
  photo.open::int as "open!",
  coalesce(
    (select id from announced),
    (select id from email_queue
     where order_id = found.id and email_type = 'restoration_complete' and status = 'pending'
     order by round limit 1)
  ) as email_id
from found, photo;
