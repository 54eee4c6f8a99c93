-- What became of a payment after its checkout: the event and the order's two states, in one legal
-- move each. Answers a row for each photo that is to go through keep-original again because the
-- order is payable now, or one without a photo. A second payment for photos that another has paid
-- for changes nothing: place-order gives it back.
-- :checkout_id may be null
-- :payment_intent_id may be null
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
found as (
  select
    id, status, payment_status, paid_at,
    coalesce(stripe_checkout_session_id = :checkout_id::text, false)
      or coalesce(stripe_payment_intent_id = :payment_intent_id::text, false) as paid_by_this
  from actor, orders
  where upload_session_id = :session_id
),
received as (
  insert into webhook_events (id, provider, event_id, event_type, object_id, received_at, processed_at)
  select derived_id('stripe', :event_id), 'stripe', :event_id, :event_type, :object_id, present(), present()
  from found
  on conflict do nothing
),
settled as (
  update orders
  set
    payment_status = :payment_status,
    status = case
      when :payment_status = 'refunded' then 'refunded'
      when :payment_status = 'failed' and found.status = 'pending_payment' then 'failed'
      when :payment_status = 'paid' and found.status = 'pending_payment' then 'processing'
      when found.status = 'refunded' then 'completed'
      else found.status
    end,
    paid_at = case when :payment_status = 'paid' then coalesce(found.paid_at, present()) else found.paid_at end,
    stripe_payment_intent_id = coalesce(orders.stripe_payment_intent_id, :payment_intent_id::text)
  from found
  where orders.id = found.id
    and found.paid_by_this
    and found.payment_status <> :payment_status
    and (found.payment_status = 'pending' or not :only_if_pending::boolean)
    -- A late word of failure about a payment that arrived is no news.
    and not (:payment_status = 'failed' and found.payment_status <> 'pending')
    -- Nor is a dispute about money that was given back.
    and not (:payment_status = 'disputed' and found.payment_status = 'refunded')
  returning orders.id, orders.status, orders.payment_status
),
now_is as (
  select id, status, payment_status from settled
  union all
  select id, status, payment_status from found where not exists (select from settled)
),
photo as (
  select open_photos.* from now_is join open_photos on open_photos.order_id = now_is.id
),
-- What brings photos waited while they were withheld, and is asked for as often as this comes.
waiting_email as (
  select email.id
  from now_is
  join email_queue as email on email.order_id = now_is.id
  where withheld_because(now_is.payment_status) is null
    and email.email_type in ('restoration_complete', 'share_family') and email.status in ('pending', 'sending')
),
unasked as (
  select photo.*
  from now_is, photo
  where is_payable(now_is.status, now_is.payment_status)
    and not exists (
      select from restoration_jobs as job
      where job.original_image_id = photo.id and job.status <> 'pending')
)
select
  now_is.id as "order_id!",
  found.paid_by_this as "paid_by_this!",
  now_is.payment_status as "payment_status!",
  now_is.status = 'processing' and not exists (select from photo) as "all_ended!",
  coalesce((select jsonb_agg(id) from waiting_email), '[]') as "email_ids!",
  unasked.id as image_id,
  unasked.storage_path as original_key,
  upload.storage_path as upload_key,
  upload.etag as upload_etag
from found
cross join now_is
left join unasked on true
left join file_uploads as upload on upload.id = unasked.upload_id;
