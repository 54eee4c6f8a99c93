-- The order of a Checkout Session, if its webhook has arrived. The session's id stays in the
-- browser's history: it opens the order for a day after the payment, and afterwards the mail does.
select
  id, order_number, key_version,
  greatest(created_at, paid_at) > present() - interval '1 day' as "claimable!"
from orders
where stripe_checkout_session_id = :checkout_id;
