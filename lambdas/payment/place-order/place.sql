-- A Checkout Session is complete: the event, the customer, the order, its photos and the confirmation, all or none.
-- Answers a row for each photo to be kept, at most a session's; and none if there is an order of the session already: placed.sql tells
-- of that.
-- What it does is in the newest migration that writes place_order().
-- :payment_intent_id may be null
-- :payment_method may be null
-- :customer_name may be null
-- :customer_phone may be null
select
  order_id as "order_id!",
  order_number as "order_number!",
  :checkout_id as "checkout_id!",
  email_id,
  image_id,
  original_key,
  upload_key as "upload_key!",
  upload_etag
from place_order(
  actor => :actor,
  event_id => :event_id,
  event_type => :event_type,
  checkout_id => :checkout_id,
  session_id => :session_id,
  attempt => :attempt::int,
  photo_count => :photo_count::int,
  paid => :paid::boolean,
  payment_intent_id => :payment_intent_id,
  payment_method => :payment_method,
  customer_email => :customer_email,
  customer_name => :customer_name,
  customer_phone => :customer_phone,
  currency => :currency,
  subtotal => :subtotal::numeric,
  discount => :discount::numeric,
  tax => :tax::numeric,
  total => :total::numeric,
  originals_bucket => :originals_bucket);
