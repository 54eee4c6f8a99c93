-- What the steps' role may do: what their statements need, and nothing else.

set local search_path to restoreclick;

-- Roles belong to the whole server: another database of it may have made this one already. The
-- runner gives it its password.
do $$
begin
  create role restoreclick_app nologin;
exception
  when duplicate_object or unique_violation then null;
end
$$;

grant usage on schema restoreclick to restoreclick_app;
grant usage on sequence order_number_seq to restoreclick_app;
grant select, insert on
  customers, file_uploads, checkouts, orders, images, restoration_jobs, email_queue, download_links,
  webhook_events
  to restoreclick_app;
grant update on
  file_uploads, checkouts, orders, images, restoration_jobs, email_queue, download_links
  to restoreclick_app;
grant select on open_photos to restoreclick_app;
-- Their triggers look moves up.
grant select on status_transitions to restoreclick_app;

-- Else the steps' role could write history with it; the trigger calls it as its owner.
revoke execute on function record_change from public;
revoke execute on function archive_audit, archived_months, drop_archive from public;
grant execute on function archive_audit to restoreclick_app;
