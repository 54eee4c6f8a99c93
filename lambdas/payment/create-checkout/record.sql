-- The attempt's Checkout Session is open.
with actor as materialized (
  select set_config('app.actor', :actor, true)
),
recorded as (
  update checkouts
  set stripe_checkout_session_id = :checkout_id
  from actor
  where upload_session_id = :session_id and attempt = :attempt::int
  returning id
)
select recorded.id from actor, recorded;
