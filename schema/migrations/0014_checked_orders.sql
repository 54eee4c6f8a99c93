-- migrate: no-transaction
-- The checks that 0013 put in place of others, held to the rows that were there before.

alter table restoreclick.orders validate constraint chk_order_money;
alter table restoreclick.orders validate constraint chk_order_states;
