-- Marks photos that were announced and never posted: no event of S3's will ever tell. A bounded
-- batch; the next run takes the rest.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
late as (
  select id from file_uploads
  where status = 'pending' and expires_at <= present()
  order by expires_at
  limit :batch::int
),
expired as (
  update file_uploads as upload
  set status = 'expired'
  from actor, late
  where upload.id = late.id
  returning upload.id
)
select count(expired.id)::int as "expired!"
from actor left join expired on true;
