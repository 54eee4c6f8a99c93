-- One round of sharing an order with the family: an email for each recipient, while rounds are left
-- and there is something to see. Nobody gets it twice, nor many a day, nor who wants none; which of
-- them did is not told.
-- :sender_name may be null
-- :message may be null
-- :ip_address may be null
-- :user_agent may be null
with actor as materialized (
  select
    set_config('app.actor', :actor, true),
    set_config('app.ip_address', coalesce(:ip_address::text, ''), true),
    set_config('app.user_agent', coalesce(:user_agent::text, ''), true)
),
found as (
  select
    orders.id,
    -- As given with this order: anybody may type an address that is another's, who has a name here.
    (
      select to_name from email_queue
      where order_id = orders.id and email_type = 'order_confirmation'
      limit 1
    ) as buyer_name,
    withheld_because(orders.payment_status) as withheld,
    exists (
      select from images where images.order_id = orders.id and images.type = 'restored' and images.status = 'completed'
    ) as restored,
    coalesce((
      select max(round) from email_queue where order_id = orders.id and email_type = 'share_family'), 0) as rounds
  from actor
  cross join orders
  where orders.id = :order_id::uuid and orders.key_version = :key_version::int
),
recipient as (
  select distinct lower(email) as email from jsonb_array_elements_text(:recipients::jsonb) as email
),
welcome as (
  select recipient.email
  from found, recipient
  where not exists (
      select from email_suppressions as suppression
      where suppression.address_hash = address_hash(recipient.email))
    and not exists (
      select from email_queue as earlier
      where earlier.order_id = found.id and earlier.email_type = 'share_family'
        and earlier.to_email = recipient.email)
    and (
      select count(*) from email_queue as another
      where another.email_type = 'share_family' and another.to_email = recipient.email
        and another.created_at > present() - interval '1 day') < :max_a_day::int
),
shared as (
  insert into email_queue (id, order_id, email_type, round, to_email, scheduled_for, dynamic_data)
  select
    derived_id(found.id::text, 'share_family/' || (found.rounds + 1) || '/' || welcome.email),
    found.id, 'share_family', found.rounds + 1, welcome.email, present(),
    jsonb_strip_nulls(jsonb_build_object(
      'senderName', coalesce(:sender_name::text, found.buyer_name), 'message', :message::text))
  from found, welcome
  where found.withheld is null and found.restored and found.rounds < :max_rounds::int
  -- Of two rounds at once one comes second: it is tried again, and is the next round.
  on conflict do nothing
  returning id
)
select
  found.withheld,
  found.restored as "restored!",
  found.rounds as "rounds_before!",
  (select count(*)::int from recipient) as "recipients!",
  coalesce((select jsonb_agg(id) from shared), '[]') as "email_ids!"
from found;
