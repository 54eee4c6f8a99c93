-- A checkout ended unpaid: the photos that it froze expire, unless a later checkout sells them or
-- an order did. Answers their keys, again when it comes again, so that every object goes.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
given_up as (
  select checkouts.upload_session_id
  from actor, checkouts
  where checkouts.stripe_checkout_session_id = :checkout_id
    and not exists (
      select from checkouts as later
      where later.upload_session_id = checkouts.upload_session_id and later.attempt > checkouts.attempt)
    and not exists (select from orders where orders.upload_session_id = checkouts.upload_session_id)
),
received as (
  insert into webhook_events (
    id, provider, event_id, event_type, object_id, received_at, processed_at)
  select
    derived_id('stripe', :event_id), 'stripe', :event_id, :event_type, :checkout_id, present(),
    present()
  from given_up
  on conflict do nothing
),
photo as (
  select upload.id, upload.status, upload.storage_path
  from given_up
  join file_uploads as upload on upload.upload_session_id = given_up.upload_session_id
  where upload.checkout_attempt is not null and upload.status in ('uploaded', 'expired')
),
expired as (
  update file_uploads as upload
  set status = 'expired'
  from photo
  where upload.id = photo.id and photo.status = 'uploaded'
)
select coalesce(jsonb_agg(storage_path order by storage_path), '[]') as "paths!" from photo;
