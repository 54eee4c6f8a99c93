-- The order of a Checkout Session, if its webhook has arrived.
select id, order_number
from orders
where stripe_checkout_session_id = :checkout_id;
