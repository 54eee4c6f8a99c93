-- A Checkout Session is complete: the event, the customer, the order, its photos and the confirmation, all or none.
-- Answers a row for each photo still to be kept (at most a session's photos), or one without a photo.
-- :payment_intent_id may be null
-- :payment_method may be null
-- :customer_name may be null
-- :customer_phone may be null
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
upload as materialized (
  select id, storage_path, etag, checkout_attempt, file_size_bytes, mime_type, width, height, original_filename
  from file_uploads
  where upload_session_id = :session_id
),
existing as (
  select id, order_number, stripe_checkout_session_id, payment_status
  from orders
  where upload_session_id = :session_id
),
-- Found first and asked for their status then: an index by status has a page or two for all orders under way, and reading one would
-- meet their writers (160 of 200 statements were tried again under 8 clients, and none is now).
known_image as materialized (
  select id, storage_path, upload_id, type, status from images where order_id = (select id from existing)
),
known_email as materialized (
  select id, status from email_queue where id = derived_id((select id from existing)::text, 'order_confirmation')
),
received as (
  insert into webhook_events (id, provider, event_id, event_type, object_id, received_at, processed_at)
  select derived_id('stripe', :event_id), 'stripe', :event_id, :event_type, :checkout_id, present(), present()
  from actor
  on conflict do nothing
),
known_customer as (select id from customers where email = lower(:customer_email)),
new_customer as (
  insert into customers (id, email, name, phone)
  select derived_id('customer', lower(:customer_email)), lower(:customer_email), :customer_name::text, :customer_phone::text
  from actor
  where not exists (select from known_customer)
  on conflict (email) do nothing
  returning id
),
customer as (select id from known_customer union all select id from new_customer),
placed as (
  insert into orders (
    id, order_number, customer_id, status, payment_method, payment_status, paid_at,
    stripe_payment_intent_id, stripe_checkout_session_id, upload_session_id, photo_count,
    currency, subtotal, discount_amount, tax_amount, total_amount)
  select
    derived_id('order', :checkout_id), next_order_number(), customer.id,
    case when :paid::boolean then 'processing' else 'pending_payment' end,
    :payment_method::text,
    case when :paid::boolean then 'paid' else 'pending' end,
    case when :paid::boolean then present() end,
    :payment_intent_id::text, :checkout_id, :session_id, :photo_count::int,
    :currency, :subtotal::numeric, :discount::numeric, :tax::numeric, :total::numeric
  from actor, customer
  where not exists (select from existing)
  on conflict do nothing
  returning id, order_number
),
kept as (
  insert into images (
    id, order_id, type, status, storage_bucket, storage_path, file_size_bytes, mime_type, format, width, height,
    upload_id, original_filename)
  select
    image.id, placed.id, 'original', 'pending', :originals_bucket,
    'uploads/originals/' || placed.id || '/' || image.id || '.' || image.ending,
    upload.file_size_bytes, upload.mime_type, image.ending, upload.width, upload.height, upload.id, upload.original_filename
  from placed
  join upload on upload.checkout_attempt <= :attempt::int
  cross join lateral (
    select
      derived_id(placed.id::text, upload.id::text) as id,
      case upload.mime_type when 'image/png' then 'png' when 'image/webp' then 'webp' else 'jpg' end as ending
  ) as image
  returning id, storage_path, upload_id
),
confirmation as (
  insert into email_queue (id, order_id, email_type, to_email, to_name, scheduled_for)
  select
    derived_id(placed.id::text, 'order_confirmation'), placed.id, 'order_confirmation',
    lower(:customer_email), :customer_name::text, present()
  from placed
  returning id
),
ordered as (
  select id, order_number, stripe_checkout_session_id from existing
  union all
  select id, order_number, :checkout_id from placed
),
unkept as (
  select id, storage_path, upload_id from kept
  union all
  select id, storage_path, upload_id from known_image where type = 'original' and status = 'pending'
),
unsent as (
  select id from confirmation
  union all
  select id from known_email where status = 'pending'
)
select
  ordered.id as "order_id!",
  ordered.order_number as "order_number!",
  ordered.stripe_checkout_session_id <> :checkout_id as "paid_twice!",
  (select id from unsent) as email_id,
  unkept.id as image_id,
  unkept.storage_path as original_key,
  upload.storage_path as upload_key,
  upload.etag as upload_etag
from actor
cross join ordered
left join unkept on true
left join upload on upload.id = unkept.upload_id;
