-- A Checkout Session is complete: the event, the customer, the order, its photos and the
-- confirmation, all or none. Answers a row for each photo to be kept, at most a session's; and none
-- if there is an order of the session already: placed.sql tells of that, because orders are seldom
-- placed twice, and planning both took a fifth of the time of each.
-- :payment_intent_id may be null
-- :payment_method may be null
-- :customer_name may be null
-- :customer_phone may be null
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
received as (
  insert into webhook_events (
    id, provider, event_id, event_type, object_id, received_at, processed_at)
  select
    derived_id('stripe', :event_id), 'stripe', :event_id, :event_type, :checkout_id, present(),
    present()
  from actor
  on conflict do nothing
),
-- One row of values, here and below: a select from a CTE is planned as a query of its own.
-- `received` always runs, and sets the actor for all: a row's change is recorded when the statement
-- has ended.
new_customer as (
  insert into customers (id, email, name, phone)
  values (
    derived_id('customer', :checkout_id), lower(:customer_email), :customer_name::text,
    :customer_phone::text)
  on conflict do nothing
  returning id
),
placed as (
  insert into orders (
    id, order_number, customer_id, status, payment_method, payment_status, paid_at,
    stripe_payment_intent_id, stripe_checkout_session_id, upload_session_id, photo_count,
    currency, subtotal, discount_amount, tax_amount, total_amount)
  values (
    derived_id('order', :checkout_id), next_order_number(),
    -- The last is of a checkout that comes again when its customer has another address.
    coalesce(
      (select id from new_customer),
      (select id from customers where email = lower(:customer_email)),
      derived_id('customer', :checkout_id)),
    case when :paid::boolean then 'processing' else 'pending_payment' end,
    :payment_method::text,
    case when :paid::boolean then 'paid' else 'pending' end,
    case when :paid::boolean then present() end,
    :payment_intent_id::text, :checkout_id, :session_id, :photo_count::int,
    :currency, :subtotal::numeric, :discount::numeric, :tax::numeric, :total::numeric)
  on conflict do nothing
  returning
    id, stripe_checkout_session_id as checkout_id,
    derived_id(id::text, 'order_confirmation') as email_id
),
photo as (
  select
    placed.*,
    derived_id(placed.id::text, upload.id::text) as image_id,
    upload.id as upload_id, upload.storage_path as upload_key, upload.etag as upload_etag,
    upload.file_size_bytes, upload.mime_type, upload.width, upload.height,
    upload.original_filename, upload.position,
    case upload.mime_type
      when 'image/png' then 'png' when 'image/webp' then 'webp' else 'jpg' end as format
  from placed
  join file_uploads as upload
    on upload.upload_session_id = :session_id and upload.checkout_attempt <= :attempt::int
),
kept as (
  insert into images (
    id, order_id, type, status, storage_bucket, storage_path, file_size_bytes, mime_type, format,
    width, height, upload_id, original_filename, position)
  select
    image_id, id, 'original', 'pending', :originals_bucket,
    format(:original_key_format::text, id, image_id, format),
    file_size_bytes, mime_type, format, width, height, upload_id, original_filename,
    position
  from photo
),
confirmation as (
  insert into email_queue (id, order_id, email_type, to_email, to_name, scheduled_for)
  select
    email_id, id, 'order_confirmation', lower(:customer_email), :customer_name::text, present()
  from placed
)
select
  id as "order_id!",
  checkout_id as "checkout_id!",
  email_id,
  image_id,
  format(:original_key_format::text, id, image_id, format) as original_key,
  upload_key as "upload_key!",
  upload_etag
from photo;
