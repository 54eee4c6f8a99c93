-- The audit: a row for each write of the tables that the steps write, which nobody can rewrite.

set local search_path to restoreclick;

create table audit_logs (
  id uuid primary key default gen_random_uuid(),
  entity_type varchar(50) not null,
  entity_id uuid not null,
  action varchar(50) not null,
  old_values jsonb,
  new_values jsonb,
  changed_fields text[],
  performed_by varchar(255),
  ip_address inet,
  user_agent text,
  created_at timestamptz default now(),
  metadata jsonb default '{}'
);

create index idx_audit_logs_entity on audit_logs (entity_type, entity_id);
create index idx_audit_logs_created_at on audit_logs (created_at);
create index idx_audit_logs_action on audit_logs (action);
-- A range of days is read in order of time; 1,000 times smaller than the B-tree beside it.
create index idx_audit_logs_created_at_brin on audit_logs using brin (created_at);


-- ── Writing it ──────────────────────────────────────────────────────────────────────────────────

-- Whether that role may name that step as the one who acts: only one of its own, so that whoever
-- takes over a step cannot sign as another. Who is none of the steps' roles is a person, or a
-- migration. In a function, because a table would be read for each row of the audit: 2 buffers of
-- 15.
create function may_act(role name, actor text) returns boolean
language plpgsql immutable parallel safe as $$
begin
  return case role
    when 'restoreclick_public_read' then false
    when 'restoreclick_public_write' then actor in (
      'upload/create-session', 'payment/create-checkout', 'order/share-order',
      'download/create-link', 'download/open-link', 'email/unsubscribe')
    when 'restoreclick_work' then actor in (
      'upload/record-upload', 'upload/expire-uploads', 'payment/place-order',
      'payment/keep-original', 'payment/settle-payment', 'restoration/submit-job',
      'restoration/store-restored', 'restoration/fail-attempt', 'restoration/complete-order',
      'email/send-email', 'email/receive-sendgrid-events', 'download/build-archive',
      'operations/reconcile')
    else true
  end;
end
$$;

-- Writes one row of audit_logs: of an update the fields in which `after` differs from `before`,
-- else the row that came or went. Of the columns in `hidden` it tells that they changed, not their
-- values. Of the others it leaves out what says nothing or what the row says elsewhere: nulls; of a
-- change, empty values and times that are its own; of what came or went, metadata that nobody gave.
-- One function for all tables, so that a statement that writes five plans this once and not five
-- times; and only an update, whose fields must be compared, asks a query for them: a third of what
-- the others took.
create function record_change(entity text, before jsonb, after jsonb, hidden text[]) returns void
language plpgsql as $$
declare
  fields text[];
  old_values jsonb;
  new_values jsonb;
  microseconds bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  if coalesce(current_setting('app.actor', true), '') = '' then
    raise exception
      'a write of a % needs an actor: select set_config(''app.actor'', ''…'', true) in its transaction',
      entity
      using errcode = 'RC002';
  end if;
  if not may_act(session_user, current_setting('app.actor')) then
    raise exception '% may not act as %', session_user, current_setting('app.actor')
      using errcode = 'RC007', hint = 'Whose step is whose is in restoreclick.may_act.';
  end if;
  if before is not null and after is not null then
    select
      array_agg(key order by key),
      jsonb_object_agg(key, before -> key)
        filter (where key <> all (hidden) and before -> key <> all (unsaid)),
      jsonb_object_agg(key, value)
        filter (where key <> all (hidden) and value <> all (unsaid))
    into fields, old_values, new_values
    from jsonb_each(after)
    cross join (select array['null', '{}', '[]', to_jsonb(now())]) as said (unsaid)
    where value <> before -> key and key <> 'updated_at';
    if fields is null then return; end if;
  else
    hidden := hidden || array[
      'id', 'created_at', 'updated_at',
      case coalesce(after, before) -> 'metadata' when '{}' then 'metadata' end];
    old_values := jsonb_strip_nulls(before - hidden);
    new_values := jsonb_strip_nulls(after - hidden);
  end if;
  insert into restoreclick.audit_logs (
    id, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by,
    ip_address, user_agent, metadata)
  values (
    -- In order of time (UUIDv7, RFC 9562): 10 million random ids would each touch a page of their
    -- own. Milliseconds, the version, and the microseconds in the place that it leaves to them: an
    -- order's story tells what one transaction did in the order it did it.
    encode(
      overlay(
        uuid_send(gen_random_uuid())
        placing int8send(microseconds / 1000 << 16 | (7 << 12) | (microseconds % 1000 * 4))
        from 1 for 8),
      'hex')::uuid,
    entity,
    -- Under its old id, if it is given another: that is where its story is.
    (coalesce(before, after) ->> 'id')::uuid,
    case
      when before is null then 'created'
      when after is null then 'deleted'
      when fields && array['status', 'payment_status'] then 'status_changed'
      else 'updated'
    end,
    old_values,
    new_values,
    fields,
    current_setting('app.actor'),
    nullif(current_setting('app.ip_address', true), '')::inet,
    nullif(current_setting('app.user_agent', true), ''),
    null);
end
$$;

-- Runs as its owner, so that no role of the steps needs a right on audit_logs. Arguments: the
-- entity's name, then the columns whose values are left out: they are personal or secret (a
-- provider's error message may quote an address or a signed URL), are made of ids that the row
-- tells (a path is 100 B), are in another row (the output's size), are nobody's history (a lease),
-- or are times that are always the row's own.
create function audit() returns trigger
language plpgsql security definer set search_path = restoreclick, pg_temp as $$
begin
  perform record_change(tg_argv[0], to_jsonb(old), to_jsonb(new), tg_argv[1:]);
  return null;
end
$$;

create trigger audit after insert or update or delete on customers
  for each row execute function audit('customer', 'email', 'name', 'phone', 'metadata');
create trigger audit after insert or update or delete on file_uploads
  for each row execute function audit(
    'file_upload', 'customer_email', 'original_filename', 'storage_path');
create trigger audit after insert or update or delete on checkouts
  for each row execute function audit('checkout');
create trigger audit after insert or update or delete on orders
  for each row execute function audit('order');
create trigger audit after insert or update or delete on images
  for each row execute function audit(
    'image', 'original_filename', 'storage_bucket', 'storage_path',
    'processing_started_at', 'processing_completed_at');
create trigger audit after insert or update or delete on restoration_jobs
  for each row execute function audit(
    'restoration_job', 'error_message', 'leased_until', 'output_data');
create trigger audit after insert or update or delete on email_queue
  for each row execute function audit(
    'email', 'to_email', 'to_name', 'cc_emails', 'subject', 'dynamic_data', 'error_message',
    'metadata', 'leased_until');
create trigger audit after insert or update or delete on email_suppressions
  for each row execute function audit('email_suppression', 'address_hash');
create trigger audit after insert or update or delete on download_links
  for each row execute function audit('download_link', 'token', 'metadata', 'last_viewer');
create trigger audit after insert or update or delete on webhook_events
  for each row execute function audit('webhook_event', 'received_at', 'processed_at');


-- ── Keeping it ──────────────────────────────────────────────────────────────────────────────────

create function refuse_truncate() returns trigger
language plpgsql as $$
begin
  raise exception 'truncate of % is refused: it would leave no trace', tg_table_name
    using errcode = 'RC003';
end
$$;

create trigger refuse_truncate before truncate on customers execute function refuse_truncate();
create trigger refuse_truncate before truncate on file_uploads execute function refuse_truncate();
create trigger refuse_truncate before truncate on checkouts execute function refuse_truncate();
create trigger refuse_truncate before truncate on orders execute function refuse_truncate();
create trigger refuse_truncate before truncate on images execute function refuse_truncate();
create trigger refuse_truncate before truncate on restoration_jobs
  execute function refuse_truncate();
create trigger refuse_truncate before truncate on email_queue execute function refuse_truncate();
create trigger refuse_truncate before truncate on email_suppressions
  execute function refuse_truncate();
create trigger refuse_truncate before truncate on download_links execute function refuse_truncate();
create trigger refuse_truncate before truncate on webhook_events execute function refuse_truncate();
create trigger refuse_truncate before truncate on audit_logs execute function refuse_truncate();

create function refuse_rewrite() returns trigger
language plpgsql as $$
begin
  if current_setting('restoreclick.archiving', true) is distinct from 'on' then
    raise exception '% of % is refused: history is not rewritten', lower(tg_op), tg_table_name
      using errcode = 'RC003';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end
$$;

create trigger refuse_rewrite before update or delete on audit_logs
  for each row execute function refuse_rewrite();
