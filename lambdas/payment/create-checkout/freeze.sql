-- Opens the next attempt to sell a session's photos and freezes what it sells; changes nothing
-- while that is not possible.
-- :customer_email may be null
-- :ip_address may be null
-- :user_agent may be null
with actor as materialized (
  select
    set_config('app.actor', :actor, true),
    set_config('app.ip_address', coalesce(:ip_address::text, ''), true),
    set_config('app.user_agent', coalesce(:user_agent::text, ''), true)
),
photo as (
  select
    id, original_filename, storage_path, status, position, expires_at > present() as alive
  from file_uploads
  where upload_session_id = :session_id
),
arriving as (select position, original_filename from photo where status = 'pending' and alive),
sellable as (select id, storage_path from photo where status = 'uploaded' and alive),
earlier as (select max(attempt) as attempt from checkouts where upload_session_id = :session_id),
sold as (select id from orders where upload_session_id = :session_id),
opened as (
  insert into checkouts (id, upload_session_id, attempt, photo_count, unit_amount_cents, currency)
  select
    derived_id(:session_id, 'checkout ' || next.attempt),
    :session_id, next.attempt, (select count(*) from sellable), :unit_amount_cents::int, :currency
  from actor, (select coalesce(attempt, 0) + 1 as attempt from earlier) as next
  where exists (select from sellable)
    and not exists (select from sold)
    and (:only_arrived::boolean or not exists (select from arriving))
    and next.attempt <= :max_attempts::int
  -- Of two attempts at once one comes second: it is tried again, and is the next attempt.
  on conflict do nothing
  returning attempt
),
frozen as (
  update file_uploads as upload
  set
    checkout_attempt = coalesce(upload.checkout_attempt, opened.attempt),
    -- Once: opening it again does not make it live longer.
    expires_at = upload.expires_at + make_interval(
      secs => case when upload.checkout_attempt is null then :more_seconds::int else 0 end),
    customer_email = coalesce(lower(:customer_email::text), upload.customer_email)
  from opened, sellable
  where upload.id = sellable.id
  returning upload.storage_path
)
select
  (select count(*)::int from photo) as "known!",
  exists (select from sold) as "sold!",
  coalesce((select jsonb_agg(original_filename order by position) from arriving), '[]') as "arriving!",
  (select attempt from opened) as attempt,
  coalesce((select attempt from earlier), 0) >= :max_attempts::int as "exhausted!",
  coalesce((select jsonb_agg(storage_path order by storage_path) from frozen), '[]') as "paths!",
  -- Not the last attempt's: that one may have died before it opened a checkout, and left an older
  -- one open.
  (select stripe_checkout_session_id
   from checkouts
   where upload_session_id = :session_id and stripe_checkout_session_id is not null
   order by attempt desc
   limit 1) as earlier_checkout_id
from actor;
