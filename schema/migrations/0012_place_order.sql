-- An order is placed by a function, which PostgreSQL plans once a connection: planning it was a fifth of its time, and reading its text
-- as much. It is the owner's, so that once no release does so otherwise, the steps' role can make no customer and no order.

set local search_path to restoreclick;

-- A Checkout Session is complete: writes the event, the customer, the order, its photos and the confirmation, all or none.
-- Returns a row for each photo to be kept, at most a session's; and none if there is an order of the session already.
create function place_order(
  actor text,
  event_id text,
  event_type text,
  checkout_id text,
  session_id text,
  attempt integer,
  photo_count integer,
  paid boolean,
  payment_intent_id text,
  payment_method text,
  customer_email text,
  customer_name text,
  customer_phone text,
  currency text,
  subtotal numeric,
  discount numeric,
  tax numeric,
  total numeric,
  originals_bucket text)
returns table (
  order_id uuid,
  order_number text,
  email_id uuid,
  image_id uuid,
  original_key text,
  upload_key text,
  upload_etag text)
language plpgsql security definer set search_path = restoreclick, pg_temp as $$
-- Columns are named with their table, and what stands alone is a variable: a column that a table is given later changes nothing here.
#variable_conflict use_variable
begin
  perform set_config('app.actor', actor, true);
  order_id := derived_id('order', checkout_id);
  email_id := derived_id(order_id::text, 'order_confirmation');

  insert into webhook_events (id, provider, event_id, event_type, object_id, received_at, processed_at)
  values (derived_id('stripe', event_id), 'stripe', event_id, event_type, checkout_id, present(), present())
  on conflict do nothing;

  insert into customers (id, email, name, phone)
  values (derived_id('customer', checkout_id), lower(customer_email), customer_name, customer_phone)
  on conflict do nothing;

  insert into orders (
    id, order_number, customer_id, status, payment_method, payment_status, paid_at,
    stripe_payment_intent_id, stripe_checkout_session_id, upload_session_id, photo_count,
    currency, subtotal, discount_amount, tax_amount, total_amount)
  values (
    order_id, next_order_number(),
    -- The last is of a checkout that comes again when its customer has another address.
    coalesce(
      (select customers.id from customers where customers.email = lower(customer_email)), derived_id('customer', checkout_id)),
    case when paid then 'processing' else 'pending_payment' end,
    payment_method,
    case when paid then 'paid' else 'pending' end,
    case when paid then present() end,
    payment_intent_id, checkout_id, session_id, photo_count,
    currency, subtotal, discount, tax, total)
  on conflict do nothing
  returning orders.order_number into order_number;
  if order_number is null then return; end if;

  insert into email_queue (id, order_id, email_type, to_email, to_name, scheduled_for)
  values (email_id, order_id, 'order_confirmation', lower(customer_email), customer_name, present());

  return query
  with photo as (
    select
      derived_id(order_id::text, upload.id::text) as id,
      upload.id as upload_id, upload.storage_path, upload.etag,
      upload.file_size_bytes, upload.mime_type, upload.width, upload.height, upload.original_filename,
      case upload.mime_type when 'image/png' then 'png' when 'image/webp' then 'webp' else 'jpg' end as format
    from file_uploads as upload
    where upload.upload_session_id = session_id and upload.checkout_attempt <= attempt
  ),
  kept as (
    insert into images (
      id, order_id, type, status, storage_bucket, storage_path, file_size_bytes, mime_type, format, width, height,
      upload_id, original_filename)
    select
      photo.id, order_id, 'original', 'pending', originals_bucket,
      'uploads/originals/' || order_id::text || '/' || photo.id::text || '.' || photo.format,
      photo.file_size_bytes, photo.mime_type, photo.format, photo.width, photo.height,
      photo.upload_id, photo.original_filename
    from photo
  )
  select
    order_id, order_number, email_id, photo.id,
    'uploads/originals/' || order_id::text || '/' || photo.id::text || '.' || photo.format,
    photo.storage_path::text, photo.etag::text
  from photo;
end
$$;

revoke execute on function place_order from public;
grant execute on function place_order to restoreclick_app;
