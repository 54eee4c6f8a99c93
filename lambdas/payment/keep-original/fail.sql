-- A photo that was sold cannot be kept: its image has failed. Says whether it was the order's last
-- one open.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select id, status, order_id from actor, images where id = :image_id::uuid and order_id = :order_id::uuid
),
failed as (
  update images
  set status = 'failed', error_code = :error_code
  from found
  where images.id = found.id and found.status in ('pending', 'uploaded')
    -- Whoever asked for its restoration has kept it.
    and not exists (select from restoration_jobs as job where job.original_image_id = found.id)
  returning images.id
)
select
  not exists (
    select from open_photos as other
    where other.order_id = found.order_id and other.id <> found.id
  ) and (found.status = 'failed' or exists (select from failed)) as "last!"
from found;
