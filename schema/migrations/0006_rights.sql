-- What the steps' roles may do, and as whom: what their statements need, and nothing else. Which
-- step is whose is said in schema/migrate/step-roles.ts.

set local search_path to restoreclick;

-- Roles belong to the whole server: another database of it may have made them already. The runner
-- gives them their passwords.
do $$
declare
  role text;
begin
  foreach role in array array[
    'restoreclick_public_read', 'restoreclick_public_write', 'restoreclick_work']
  loop
    begin
      execute format('create role %I nologin', role);
    exception
      when duplicate_object or unique_violation then null;
    end;
  end loop;
end
$$;

grant usage on schema restoreclick
  to restoreclick_public_read, restoreclick_public_write, restoreclick_work;

grant select on file_uploads, checkouts, orders, images to restoreclick_public_read;

grant select on
  file_uploads, checkouts, orders, images, email_queue, email_suppressions,
  download_links
  to restoreclick_public_write;
grant insert on file_uploads, checkouts, email_queue, email_suppressions, download_links
  to restoreclick_public_write;
grant update on file_uploads, checkouts, download_links to restoreclick_public_write;

grant select, insert on
  customers, orders, images, restoration_jobs, email_queue, email_suppressions, download_links,
  archive_builds,
  webhook_events
  to restoreclick_work;
grant select on file_uploads, checkouts, open_photos to restoreclick_work;
grant update on file_uploads, orders, images, restoration_jobs, email_queue, archive_builds
  to restoreclick_work;
grant usage on sequence order_number_seq to restoreclick_work;

-- Their triggers look moves up.
grant select on status_transitions to restoreclick_public_write, restoreclick_work;

-- Else a role could write history with it; the trigger calls it as its owner.
revoke execute on function record_change from public;
revoke execute on function archive_audit, archived_months, drop_archive from public;
grant execute on function archive_audit to restoreclick_work;
