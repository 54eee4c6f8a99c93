-- migrate: no-transaction
-- Each statement commits by itself, so that none keeps others waiting; any of them may be run again.

alter table restoreclick.orders validate constraint chk_order_money;
alter table restoreclick.orders validate constraint chk_order_states;
alter table restoreclick.images validate constraint chk_image_error_code;
alter table restoreclick.restoration_jobs validate constraint chk_job_error_code;
alter table restoreclick.email_queue validate constraint chk_email_error_code;
