-- Whoever got that email wants no more of its kind.
-- :ip_address may be null
-- :user_agent may be null
with actor as materialized (
  select
    set_config('app.actor', :actor, true),
    set_config('app.ip_address', coalesce(:ip_address::text, ''), true),
    set_config('app.user_agent', coalesce(:user_agent::text, ''), true)
),
found as (
  select address_hash(email.to_email) as hash
  from actor
  cross join email_queue as email
  where email.id = :email_id::uuid
),
suppressed as (
  insert into email_suppressions (id, address_hash, reason)
  select derived_id('email_suppression', hash), hash, 'unsubscribed' from found
  on conflict do nothing
)
select exists (select from found) as "known!";
