-- migrate: no-transaction
-- The check that 0009 added, held to the rows that were there before.

alter table restoreclick.checkouts validate constraint chk_checkout_money;
