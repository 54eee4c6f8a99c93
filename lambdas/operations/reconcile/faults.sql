-- What must never be and no constraint can tell, because it spans tables: in orders that changed
-- lately and have rested since, at most :batch of each kind. Each order is looked up by its
-- indexes, however large the tables are.
with recent as materialized (
  select id, status, payment_status, photo_count
  from orders
  where updated_at > present() - make_interval(secs => :within_seconds::int)
    and updated_at < present() - make_interval(secs => :rested_seconds::int)
  order by updated_at desc
  limit :orders::int
),
photo as materialized (
  select recent.id as order_id, recent.status as order_status, original.*
  from recent
  cross join lateral (
    select
      images.id,
      images.status,
      (select upload.status from file_uploads as upload where upload.id = images.upload_id) as upload_status,
      (select restored.id from images as restored where restored.parent_image_id = images.id and restored.status = 'completed' limit 1)
        as restored_id,
      (select job.id from restoration_jobs as job
       where job.original_image_id = images.id and job.status in ('pending', 'queued', 'processing')) as job_id
    from images
    where images.order_id = recent.id and images.type = 'original'
    limit 1000
  ) as original
),
total as (
  select order_id, count(*) as originals, count(*) filter (where status = 'completed') as completed from photo group by order_id
),
counted as (
  select recent.*, coalesce(total.originals, 0) as originals, coalesce(total.completed, 0) as completed, mail.confirmed, mail.announced
  from recent
  left join total on total.order_id = recent.id
  cross join lateral (
    select
      bool_or(email.email_type = 'order_confirmation') as confirmed,
      bool_or(email.email_type = 'restoration_complete') as announced
    from email_queue as email
    where email.order_id = recent.id
  ) as mail
),
miscounted as (
  select 'order with other photos than were paid for' as what, id, id as order_id
  from counted where photo_count is distinct from originals
  limit :batch::int
),
unconfirmed as (
  select 'order without its confirmation', id, id
  from counted where confirmed is not true
  limit :batch::int
),
unannounced as (
  select 'order ended without its email', id, id
  from counted
  where (status = 'completed' or (status = 'failed' and payment_status <> 'failed')) and announced is not true
  limit :batch::int
),
empty_handed as (
  select 'order completed without a photo', id, id
  from counted where status = 'completed' and completed = 0
  limit :batch::int
),
unrefunded as (
  select 'photo open in a refunded order', id, order_id
  from photo where order_status = 'refunded' and status not in ('completed', 'failed')
  limit :batch::int
),
unrestored as (
  select 'photo completed without a restored one', id, order_id
  from photo where status = 'completed' and restored_id is null
  limit :batch::int
),
unworked as (
  select 'photo in process without a job', id, order_id
  from photo where status = 'processing' and job_id is null
  limit :batch::int
),
unwanted as (
  select 'job open that has no work', job_id, order_id
  from photo where job_id is not null and (order_status <> 'processing' or status not in ('uploaded', 'processing'))
  limit :batch::int
),
unmoved as (
  select 'photo and its upload disagree', id, order_id
  from photo
  where status <> 'failed' and upload_status is not null
    and (status = 'pending') = (upload_status = 'moved_to_permanent')
  limit :batch::int
),
foreign_link as (
  select 'link to a photo of another order', link.id, recent.id
  from recent
  cross join lateral (
    select download_links.id from download_links
    where download_links.order_id = recent.id
      and (download_links.expires_at <= present()) is not true
      and exists (
        select from unnest(download_links.target_images) as target
        where recent.id is distinct from (select images.order_id from images where images.id = target))
    limit :batch::int
  ) as link
  limit :batch::int
)
select what as "what!", id as "id!", order_id as "order_id!"
from (
  select * from miscounted union all select * from unconfirmed union all select * from unannounced union all select * from empty_handed
  union all select * from unrefunded union all select * from unrestored union all select * from unworked union all select * from unwanted
  union all select * from unmoved union all select * from foreign_link
) as fault (what, id, order_id)
order by what, id;
