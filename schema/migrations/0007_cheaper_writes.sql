-- What an order's writes cost, again: placing one took 12.1 million instructions of the processor's, and takes 7.8.

set local search_path to restoreclick;

-- In plpgsql, as present() is: PostgreSQL plans the body of a function in SQL at each call, 0.37 million instructions.
create or replace function next_order_number() returns varchar
language plpgsql volatile as $$
declare
  n bigint := nextval('restoreclick.order_number_seq');
begin
  return to_char(restoreclick.present() at time zone 'UTC', 'YYYYMMDD') || '-'
    || case when n < 1000000 then lpad(n::text, 6, '0') else n::text end;
end
$$;

-- Writes one row of audit_logs: of an update the fields in which `after` differs from `before`, else the row that came or went.
-- Of the columns in `hidden` it tells that they changed, not their values. Of the others it leaves out what says nothing or what the
-- row says elsewhere: nulls; of a change, empty values and times that are its own; of what came or went, metadata that nobody gave.
-- One function for all tables, so that a statement that writes five plans this once and not five times; and only an update, whose
-- fields must be compared, asks a query for them: a third of what the others took.
create or replace function record_change(entity text, before jsonb, after jsonb, hidden text[]) returns void
language plpgsql as $$
declare
  fields text[];
  old_values jsonb;
  new_values jsonb;
  microseconds bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  if coalesce(current_setting('app.actor', true), '') = '' then
    raise exception 'a write of a % needs an actor: select set_config(''app.actor'', ''…'', true) in its transaction', entity
      using errcode = 'RC002';
  end if;
  if before is not null and after is not null then
    select
      array_agg(key order by key),
      jsonb_object_agg(key, before -> key) filter (where key <> all (hidden) and before -> key <> all (unsaid)),
      jsonb_object_agg(key, value) filter (where key <> all (hidden) and value <> all (unsaid))
    into fields, old_values, new_values
    from jsonb_each(after) cross join (select array['null', '{}', '[]', to_jsonb(now())]) as said (unsaid)
    where value <> before -> key and key <> 'updated_at';
    if fields is null then return; end if;
  else
    hidden := hidden || array['id', 'created_at', 'updated_at', case coalesce(after, before) -> 'metadata' when '{}' then 'metadata' end];
    old_values := jsonb_strip_nulls(before - hidden);
    new_values := jsonb_strip_nulls(after - hidden);
  end if;
  insert into restoreclick.audit_logs (
    id, entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by, ip_address, user_agent, metadata)
  values (
    -- In order of time (UUIDv7, RFC 9562): 10 million random ids would each touch a page of their own. Milliseconds, the version, and
    -- the microseconds in the place that it leaves to them: an order's story tells what one transaction did in the order it did it.
    encode(
      overlay(
        uuid_send(gen_random_uuid())
        placing int8send(microseconds / 1000 << 16 | (7 << 12) | (microseconds % 1000 * 4)) from 1 for 8),
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

-- Besides: times that are always the row's own.
create or replace trigger audit after insert or update or delete on images
  for each row execute function audit(
    'image', 'original_filename', 'storage_bucket', 'storage_path', 'processing_started_at', 'processing_completed_at');
create or replace trigger audit after insert or update or delete on webhook_events
  for each row execute function audit('webhook_event', 'received_at', 'processed_at');


-- ── Error codes ──────────────────────────────────────────────────────────────────────────────────────────────────

-- The closed lists of lambdas/error-codes.ts; a row without a code is not asked for.
-- A constraint's text is read anew by each statement that writes its table: the 24 codes of a photo were 6 kB, 0.25 million instructions.
create function is_error_code(of_table text, code text) returns boolean
language plpgsql immutable strict parallel safe as $$
begin
  return code = 'step_broken' or case of_table
    when 'email_queue' then code in (
      'email_throttled', 'email_unavailable', 'email_unauthorised', 'email_sender_refused', 'email_rejected',
      'send_doubtful', 'attempts_exhausted', 'recipient_bounced', 'recipient_dropped')
    else code in (
      'provider_throttled', 'provider_unavailable', 'provider_out_of_credit', 'provider_misconfigured',
      'submission_uncertain', 'input_unmarked', 'input_rejected', 'input_unavailable', 'moderation_refused',
      'provider_out_of_memory', 'prediction_failed', 'prediction_timed_out', 'prediction_canceled', 'prediction_unknown',
      'poller_broken', 'output_gone', 'output_unavailable', 'output_refused', 'output_too_large', 'output_unreadable',
      'order_refunded') or (of_table = 'images' and code in ('upload_missing', 'upload_changed'))
  end;
end
$$;

-- Not valid yet: that takes a moment's lock, and checks every write from now on. The next migration reads the rows that are there.
alter table images
  drop constraint chk_image_error_code,
  add constraint chk_image_error_code check (restoreclick.is_error_code('images', error_code)) not valid;
alter table restoration_jobs
  drop constraint chk_job_error_code,
  add constraint chk_job_error_code check (restoreclick.is_error_code('restoration_jobs', error_code)) not valid;
alter table email_queue
  drop constraint chk_email_error_code,
  add constraint chk_email_error_code check (restoreclick.is_error_code('email_queue', error_code)) not valid;

-- Each in fewer words, for the same reason.
alter table orders
  drop constraint chk_order_money,
  drop constraint chk_order_states,
  add constraint chk_order_money check (
    -- Unknown if any of them is null; `least` would pass over it.
    coalesce(total_amount = subtotal - discount_amount + tax_amount, false)
    -- Not a number equals itself and is above all that are.
    and least(subtotal, discount_amount, tax_amount, total_amount) >= 0 and total_amount <> 'NaN') not valid,
  add constraint chk_order_states check (
    payment_status = any (case status
      when 'pending_payment' then '{pending}'
      when 'failed' then '{paid,failed,partially_refunded,disputed}'
      when 'refunded' then '{refunded}'
      else '{paid,partially_refunded,disputed}'
    end::text[])) not valid;
