-- migrate: no-transaction
-- Each statement commits by itself, so that none keeps others waiting; any of them may be run again.

-- Which orders changed lately: reconcile looks at those.
drop index concurrently if exists restoreclick.idx_orders_updated_at;
create index concurrently idx_orders_updated_at on restoreclick.orders (updated_at);

alter table restoreclick.orders validate constraint chk_order_states;
alter table restoreclick.orders validate constraint chk_order_paid_at;
alter table restoreclick.restoration_jobs validate constraint chk_job_restored;
alter table restoreclick.restoration_jobs validate constraint chk_job_held;
alter table restoreclick.email_queue validate constraint chk_email_lease;
alter table restoreclick.webhook_events validate constraint chk_event_processed;
