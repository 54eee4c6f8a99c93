-- Whether a Checkout Session is ours, and its order, if its webhook has arrived. The session's id
-- stays in the browser's history: it opens the order for a day after the payment, and afterwards
-- the mail does. A key that was revoked is not given out anew.
select
  -- An order without its checkout's row is of one whose answer was lost.
  orders.id is not null
    or exists (select from checkouts where stripe_checkout_session_id = :checkout_id) as "known!",
  orders.id,
  orders.order_number,
  orders.key_version,
  greatest(orders.created_at, orders.paid_at) > present() - interval '1 day'
    and orders.key_version = 1 as claimable
from (values (:checkout_id)) as asked (checkout_id)
left join orders on orders.stripe_checkout_session_id = asked.checkout_id;
