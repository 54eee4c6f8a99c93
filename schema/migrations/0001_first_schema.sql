-- The proposal's eight tables to the letter, and what the design adds to them: transitions, audit, leases and derived ids.

create schema if not exists restoreclick;
set local search_path to restoreclick;

-- Roles belong to the whole server: another database of it may have made this one already. The runner gives it its password.
do $$
begin
  create role restoreclick_app nologin;
exception
  when duplicate_object or unique_violation then null;
end
$$;

-- The present, for leases, expiry and schedules. The local system moves it by the setting; nothing else sets that.
create function present() returns timestamptz
language sql stable parallel safe
return now() + coalesce(nullif(current_setting('restoreclick.clock_offset', true), '')::interval, interval '0');

-- A UUID (version 8, RFC 9562) made of what a row stands for, so that inserting twice is inserting once.
create function derived_id(parent text, child text) returns uuid
language sql immutable parallel safe
return encode(
  set_byte(
    set_byte(
      substring(sha256(convert_to(parent || '/' || child, 'UTF8')) from 1 for 16),
      6, (get_byte(sha256(convert_to(parent || '/' || child, 'UTF8')), 6) & 15) | 128),
    8, (get_byte(sha256(convert_to(parent || '/' || child, 'UTF8')), 8) & 63) | 128),
  'hex')::uuid;


-- ── The proposal's tables ────────────────────────────────────────────────────────────────────────────────────────

create table customers (
  id uuid primary key default gen_random_uuid(),
  email varchar(255) unique not null,
  name varchar(255),
  phone varchar(50),
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  metadata jsonb default '{}'::jsonb
);

create index idx_customers_email on customers(email);

create table orders (
  id uuid primary key default gen_random_uuid(),
  order_number varchar(20) unique not null,
  customer_id uuid references customers(id),
  status varchar(50) not null default 'pending_payment',
  payment_method varchar(50),
  payment_status varchar(50) default 'pending',
  stripe_payment_intent_id varchar(255) unique,
  stripe_checkout_session_id varchar(255) unique,
  currency varchar(3) default 'USD',
  subtotal decimal(10,2),
  discount_amount decimal(10,2) default 0,
  tax_amount decimal(10,2) default 0,
  total_amount decimal(10,2) not null,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  paid_at timestamp with time zone,
  completed_at timestamp with time zone,
  metadata jsonb default '{}'::jsonb,
  constraint chk_order_status check (status in ('pending_payment', 'processing', 'completed', 'failed', 'refunded'))
);

create index idx_orders_customer_id on orders(customer_id);
create index idx_orders_status on orders(status);
create index idx_orders_order_number on orders(order_number);

create table images (
  id uuid primary key default gen_random_uuid(),
  order_id uuid references orders(id) on delete cascade,
  type varchar(50) not null,
  status varchar(50) not null default 'pending',
  storage_bucket varchar(100) not null,
  storage_path varchar(500) not null,
  public_url text,
  file_size_bytes bigint,
  mime_type varchar(100),
  width integer,
  height integer,
  format varchar(20),
  parent_image_id uuid references images(id),
  processing_started_at timestamp with time zone,
  processing_completed_at timestamp with time zone,
  processing_duration_ms integer,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  metadata jsonb default '{}'::jsonb,
  constraint chk_image_type check (type in ('original', 'restored')),
  constraint chk_image_status check (status in ('pending', 'uploaded', 'processing', 'completed', 'failed'))
);

create index idx_images_order_id on images(order_id);
create index idx_images_type on images(type);
create index idx_images_status on images(status);
create index idx_images_parent_image_id on images(parent_image_id);

create table restoration_jobs (
  id uuid primary key default gen_random_uuid(),
  original_image_id uuid references images(id) on delete cascade,
  restored_image_id uuid references images(id),
  external_provider varchar(50) not null default 'replicate',
  external_job_id varchar(255) unique,
  external_status varchar(50),
  status varchar(50) not null default 'pending',
  attempt_number integer default 1,
  max_attempts integer default 3,
  error_message text,
  error_code varchar(50),
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  queued_at timestamp with time zone,
  started_at timestamp with time zone,
  completed_at timestamp with time zone,
  failed_at timestamp with time zone,
  input_parameters jsonb default '{}'::jsonb,
  output_data jsonb default '{}'::jsonb,
  metadata jsonb default '{}'::jsonb,
  constraint chk_job_status check (status in ('pending', 'queued', 'processing', 'completed', 'failed', 'cancelled'))
);

create index idx_restoration_jobs_original_image_id on restoration_jobs(original_image_id);
create index idx_restoration_jobs_status on restoration_jobs(status);
create index idx_restoration_jobs_external_job_id on restoration_jobs(external_job_id);

create table email_queue (
  id uuid primary key default gen_random_uuid(),
  order_id uuid references orders(id) on delete cascade,
  email_type varchar(50) not null,
  to_email varchar(255) not null,
  to_name varchar(255),
  cc_emails text[],
  status varchar(50) not null default 'pending',
  sendgrid_template_id varchar(255),
  sendgrid_message_id varchar(255),
  subject varchar(500),
  dynamic_data jsonb default '{}'::jsonb,
  attachments jsonb default '[]'::jsonb,
  attempt_number integer default 0,
  max_attempts integer default 3,
  error_message text,
  error_code varchar(50),
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  scheduled_for timestamp with time zone default now(),
  sent_at timestamp with time zone,
  failed_at timestamp with time zone,
  metadata jsonb default '{}'::jsonb,
  constraint chk_email_status check (status in ('pending', 'sending', 'sent', 'failed', 'bounced'))
);

create index idx_email_queue_order_id on email_queue(order_id);
create index idx_email_queue_status on email_queue(status);
create index idx_email_queue_scheduled_for on email_queue(scheduled_for);
create index idx_email_queue_email_type on email_queue(email_type);

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
  created_at timestamp with time zone default now(),
  metadata jsonb default '{}'::jsonb
);

create index idx_audit_logs_entity on audit_logs(entity_type, entity_id);
create index idx_audit_logs_created_at on audit_logs(created_at);
create index idx_audit_logs_action on audit_logs(action);

create table file_uploads (
  id uuid primary key default gen_random_uuid(),
  upload_session_id varchar(255) not null,
  customer_email varchar(255),
  original_filename varchar(255) not null,
  storage_path varchar(500) not null,
  file_size_bytes bigint,
  mime_type varchar(100),
  status varchar(50) not null default 'pending',
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  expires_at timestamp with time zone default (now() + interval '24 hours'),
  metadata jsonb default '{}'::jsonb,
  constraint chk_upload_status check (status in ('pending', 'uploaded', 'moved_to_permanent', 'expired', 'deleted'))
);

create index idx_file_uploads_session_id on file_uploads(upload_session_id);
create index idx_file_uploads_expires_at on file_uploads(expires_at);
create index idx_file_uploads_status on file_uploads(status);

create table download_links (
  id uuid primary key default gen_random_uuid(),
  order_id uuid references orders(id) on delete cascade,
  token varchar(255) unique not null,
  link_type varchar(50) not null,
  target_images uuid[],
  max_downloads integer default 10,
  download_count integer default 0,
  expires_at timestamp with time zone default (now() + interval '7 days'),
  created_at timestamp with time zone default now(),
  last_accessed_at timestamp with time zone,
  metadata jsonb default '{}'::jsonb
);

create index idx_download_links_token on download_links(token);
create index idx_download_links_order_id on download_links(order_id);
create index idx_download_links_expires_at on download_links(expires_at);


-- ── Additions to them ────────────────────────────────────────────────────────────────────────────────────────────

alter table orders
  -- One order per upload session, whatever the customer pays twice.
  add column upload_session_id varchar(255) unique,
  add column photo_count integer,
  -- A null in any of the four would let a plain comparison pass.
  add constraint chk_order_money check (
    subtotal is not null and discount_amount is not null and tax_amount is not null
    and subtotal >= 0 and discount_amount >= 0 and tax_amount >= 0 and total_amount >= 0
    and total_amount = subtotal - discount_amount + tax_amount),
  add constraint chk_order_payment_status check (
    payment_status is not null
    and payment_status in ('pending', 'paid', 'failed', 'partially_refunded', 'refunded', 'disputed'));

alter table images
  add column upload_id uuid unique references file_uploads(id),
  -- What the customer called the photo; names the file they download.
  add column original_filename varchar(255),
  add column error_code varchar(50),
  add constraint chk_restored_has_parent check ((type = 'restored') = (parent_image_id is not null)),
  -- The closed list of lambdas/error-codes.ts; so are the other two.
  add constraint chk_image_error_code check (error_code in (
    'provider_throttled', 'provider_unavailable', 'provider_out_of_credit', 'provider_misconfigured',
    'submission_uncertain', 'input_unmarked', 'input_rejected', 'input_unavailable', 'moderation_refused',
    'provider_out_of_memory', 'prediction_failed', 'prediction_timed_out', 'prediction_canceled', 'prediction_unknown',
    'poller_broken', 'output_gone', 'output_unavailable', 'output_refused', 'output_too_large', 'output_unreadable',
    'step_broken', 'upload_missing', 'upload_changed', 'order_refunded'));

alter table restoration_jobs
  add column leased_until timestamp with time zone,
  add constraint chk_job_attempts check (
    attempt_number is not null and max_attempts is not null and attempt_number between 1 and max_attempts),
  add constraint chk_job_error_code check (error_code in (
    'provider_throttled', 'provider_unavailable', 'provider_out_of_credit', 'provider_misconfigured',
    'submission_uncertain', 'input_unmarked', 'input_rejected', 'input_unavailable', 'moderation_refused',
    'provider_out_of_memory', 'prediction_failed', 'prediction_timed_out', 'prediction_canceled', 'prediction_unknown',
    'poller_broken', 'output_gone', 'output_unavailable', 'output_refused', 'output_too_large', 'output_unreadable',
    'step_broken', 'order_refunded'));

alter table email_queue
  add column leased_until timestamp with time zone,
  -- 1, and one more for each time an order is shared.
  add column round integer not null default 1,
  add constraint uq_email_once unique (order_id, email_type, to_email, round),
  add constraint chk_email_type check (email_type in ('order_confirmation', 'restoration_complete', 'share_family')),
  add constraint chk_email_sent_at check (status <> 'sent' or sent_at is not null),
  add constraint chk_email_attempts check (
    attempt_number is not null and max_attempts is not null and attempt_number between 0 and max_attempts),
  add constraint chk_email_error_code check (error_code in (
    'email_throttled', 'email_unavailable', 'email_unauthorised', 'email_sender_refused', 'email_rejected',
    'send_doubtful', 'attempts_exhausted', 'recipient_bounced', 'recipient_dropped', 'step_broken'));

alter table file_uploads
  add column width integer,
  add column height integer,
  add column etag varchar(100),
  -- The first checkout that sells this photo; a checkout sells every photo whose number is not above its own.
  add column checkout_attempt integer,
  add column refusal_code varchar(50);

alter table download_links
  add constraint chk_link_type check (link_type in ('single_image', 'zip_all', 'share')),
  add constraint chk_link_downloads check (
    download_count is not null and max_downloads is not null and download_count between 0 and max_downloads);

create table checkouts (
  id uuid primary key default gen_random_uuid(),
  upload_session_id varchar(255) not null,
  attempt integer not null,
  photo_count integer not null,
  unit_amount_cents integer not null,
  currency varchar(3) not null,
  -- Null until Stripe has answered.
  stripe_checkout_session_id varchar(255) unique,
  created_at timestamp with time zone not null default now(),
  updated_at timestamp with time zone not null default now(),
  constraint uq_checkout_attempt unique (upload_session_id, attempt)
);

-- The inbox: an event's row and its effect commit together.
create table webhook_events (
  id uuid primary key default gen_random_uuid(),
  provider varchar(50) not null,
  event_id varchar(255) not null,
  event_type varchar(100) not null,
  object_id varchar(255),
  received_at timestamp with time zone not null default now(),
  processed_at timestamp with time zone,
  constraint uq_webhook_event unique (provider, event_id)
);

-- What the steps look up: the few rows that are not done.
create unique index uq_live_job on restoration_jobs(original_image_id) where status in ('pending', 'queued', 'processing');
create index idx_jobs_open on restoration_jobs(updated_at) where status in ('pending', 'queued', 'processing');
create index idx_originals_open on images(order_id) where type = 'original' and status in ('pending', 'uploaded', 'processing');
create index idx_emails_open on email_queue(scheduled_for) where status in ('pending', 'sending');
create index idx_uploads_open on file_uploads(expires_at) where status in ('pending', 'uploaded');
create index idx_orders_open on orders(updated_at) where status in ('pending_payment', 'processing');

create sequence order_number_seq;

-- YYYYMMDD-NNNNNN by the day in UTC. A sequence is not transactional: no race and no hot row, but gaps. lpad would cut a seventh digit.
create function next_order_number() returns varchar
language sql volatile
begin atomic
  select to_char(present() at time zone 'UTC', 'YYYYMMDD') || '-'
    || case when n < 1000000 then lpad(n::text, 6, '0') else n::text end
  from nextval('order_number_seq') as n;
end;


-- ── Transitions ──────────────────────────────────────────────────────────────────────────────────────────────────

-- Every legal move; a row without from_status is a state an entity may be born in.
create table status_transitions (
  entity varchar(50) not null,
  from_status varchar(50) not null default '',
  to_status varchar(50) not null,
  primary key (entity, from_status, to_status)
);

insert into status_transitions (entity, from_status, to_status)
select entity, from_status, unnest(string_to_array(targets, ' '))
from (values
  ('upload', '', 'pending'),
  ('upload', 'pending', 'uploaded deleted expired'),
  ('upload', 'uploaded', 'moved_to_permanent expired deleted'),
  ('order', '', 'pending_payment processing'),
  ('order', 'pending_payment', 'processing failed refunded'),
  ('order', 'processing', 'completed failed refunded'),
  ('order', 'completed', 'processing refunded'),
  ('order', 'failed', 'processing refunded'),
  ('order', 'refunded', 'completed'),
  ('payment', '', 'pending paid'),
  ('payment', 'pending', 'paid failed'),
  ('payment', 'paid', 'partially_refunded refunded disputed'),
  ('payment', 'partially_refunded', 'paid refunded disputed'),
  ('payment', 'refunded', 'paid partially_refunded'),
  ('payment', 'disputed', 'paid refunded'),
  ('original', '', 'pending'),
  ('original', 'pending', 'uploaded failed'),
  ('original', 'uploaded', 'processing failed'),
  ('original', 'processing', 'completed failed'),
  ('original', 'completed', 'processing'),
  ('original', 'failed', 'pending uploaded processing'),
  ('restored', '', 'completed'),
  ('job', '', 'pending'),
  ('job', 'pending', 'queued failed cancelled'),
  ('job', 'queued', 'processing pending failed cancelled'),
  ('job', 'processing', 'completed pending failed cancelled'),
  ('job', 'failed', 'pending'),
  ('email', '', 'pending'),
  ('email', 'pending', 'sending sent failed'),
  ('email', 'sending', 'sent pending failed bounced'),
  ('email', 'sent', 'bounced'),
  ('email', 'failed', 'pending sent')
) as moves (entity, from_status, targets);

-- Refuses every move that status_transitions does not list. Its first argument is the entity; an image's is its type.
create function enforce_transition() returns trigger
language plpgsql as $$
declare
  subject text := tg_argv[0];
  was text := '';
  becomes text;
begin
  if subject = 'payment' then
    becomes := new.payment_status;
    if tg_op = 'UPDATE' then was := old.payment_status; end if;
  else
    becomes := new.status;
    if tg_op = 'UPDATE' then was := old.status; end if;
  end if;
  if subject = 'image' then subject := new.type; end if;
  if was = becomes then return new; end if;
  if not exists (select from restoreclick.status_transitions t
                 where t.entity = subject and t.from_status = was and t.to_status = becomes) then
    raise exception '% % cannot go from % to %', subject, new.id, coalesce(nullif(was, ''), '(new)'), becomes
      using errcode = 'RC001', hint = 'The legal moves are in restoreclick.status_transitions.';
  end if;
  -- Nested, because only an order has paid_at.
  if subject = 'order' and was = 'failed' and becomes = 'processing' then
    if new.paid_at is null then
      raise exception 'order % cannot go from failed to processing: it was never paid', new.id using errcode = 'RC001';
    end if;
  end if;
  return new;
end
$$;

create trigger transition_status before insert or update of status on file_uploads
  for each row execute function enforce_transition('upload');
create trigger transition_status before insert or update of status on orders
  for each row execute function enforce_transition('order');
create trigger transition_payment before insert or update of payment_status on orders
  for each row execute function enforce_transition('payment');
create trigger transition_status before insert or update of status on images
  for each row execute function enforce_transition('image');
create trigger transition_status before insert or update of status on restoration_jobs
  for each row execute function enforce_transition('job');
create trigger transition_status before insert or update of status on email_queue
  for each row execute function enforce_transition('email');


-- ── updated_at ───────────────────────────────────────────────────────────────────────────────────────────────────

create function touch_updated_at() returns trigger
language plpgsql as $$
begin
  new.updated_at := restoreclick.present();
  return new;
end
$$;

create trigger touch before update on customers for each row execute function touch_updated_at();
create trigger touch before update on orders for each row execute function touch_updated_at();
create trigger touch before update on images for each row execute function touch_updated_at();
create trigger touch before update on restoration_jobs for each row execute function touch_updated_at();
create trigger touch before update on email_queue for each row execute function touch_updated_at();
create trigger touch before update on file_uploads for each row execute function touch_updated_at();
create trigger touch before update on checkouts for each row execute function touch_updated_at();


-- ── Audit ────────────────────────────────────────────────────────────────────────────────────────────────────────

-- The fields of `after` that differ from `before`, without the private ones and those that say nothing (253 B a row against 1,450 B whole).
create function audit_difference(before jsonb, after jsonb, private text[]) returns jsonb
language sql immutable parallel safe
return (
  select jsonb_object_agg(key, value)
  from jsonb_each(after)
  where value is distinct from before -> key
    and value not in ('null', '{}', '[]')
    and key <> all (private)
    and key not in ('id', 'created_at', 'updated_at'));

-- Writes one row of audit_logs. Arguments: the entity's name, then the columns whose values are personal or secret.
-- A provider's error message may quote an address or a signed URL.
-- Runs as its owner, so that the application's role needs no right on audit_logs.
create function audit() returns trigger
language plpgsql security definer set search_path = restoreclick, pg_temp as $$
declare
  actor text := nullif(current_setting('app.actor', true), '');
  private text[] := tg_argv[1:];
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  changed text[];
begin
  if actor is null then
    raise exception 'a write to % needs an actor: select set_config(''app.actor'', ''…'', true) in its transaction', tg_table_name
      using errcode = 'RC002';
  end if;
  if tg_op = 'UPDATE' then
    select array_agg(key order by key) into changed
    from jsonb_each(after) where value is distinct from before -> key and key <> 'updated_at';
    if changed is null then return null; end if;
  end if;
  insert into audit_logs (entity_type, entity_id, action, old_values, new_values, changed_fields, performed_by, ip_address, user_agent)
  values (
    tg_argv[0],
    coalesce(after ->> 'id', before ->> 'id')::uuid,
    case
      when tg_op = 'INSERT' then 'created'
      when tg_op = 'DELETE' then 'deleted'
      when changed && array['status', 'payment_status'] then 'status_changed'
      else 'updated'
    end,
    case when before is not null then audit_difference(coalesce(after, '{}'), before, private) end,
    case when after is not null then audit_difference(coalesce(before, '{}'), after, private) end,
    changed,
    actor,
    nullif(current_setting('app.ip_address', true), '')::inet,
    nullif(current_setting('app.user_agent', true), ''));
  return null;
end
$$;

create trigger audit after insert or update or delete on customers
  for each row execute function audit('customer', 'email', 'name', 'phone', 'metadata');
create trigger audit after insert or update or delete on orders
  for each row execute function audit('order');
create trigger audit after insert or update or delete on images
  for each row execute function audit('image', 'original_filename');
create trigger audit after insert or update or delete on restoration_jobs
  for each row execute function audit('restoration_job', 'error_message');
create trigger audit after insert or update or delete on email_queue
  for each row execute function audit('email', 'to_email', 'to_name', 'cc_emails', 'subject', 'dynamic_data', 'error_message', 'metadata');
create trigger audit after insert or update or delete on file_uploads
  for each row execute function audit('file_upload', 'customer_email', 'original_filename');
create trigger audit after insert or update or delete on download_links
  for each row execute function audit('download_link', 'token', 'metadata');
create trigger audit after insert or update or delete on checkouts
  for each row execute function audit('checkout');
create trigger audit after insert or update or delete on webhook_events
  for each row execute function audit('webhook_event');

create function refuse_truncate() returns trigger
language plpgsql as $$
begin
  raise exception 'truncate of % is refused: it would leave no trace', tg_table_name using errcode = 'RC003';
end
$$;

create trigger refuse_truncate before truncate on customers execute function refuse_truncate();
create trigger refuse_truncate before truncate on orders execute function refuse_truncate();
create trigger refuse_truncate before truncate on images execute function refuse_truncate();
create trigger refuse_truncate before truncate on restoration_jobs execute function refuse_truncate();
create trigger refuse_truncate before truncate on email_queue execute function refuse_truncate();
create trigger refuse_truncate before truncate on file_uploads execute function refuse_truncate();
create trigger refuse_truncate before truncate on download_links execute function refuse_truncate();
create trigger refuse_truncate before truncate on checkouts execute function refuse_truncate();
create trigger refuse_truncate before truncate on webhook_events execute function refuse_truncate();
create trigger refuse_truncate before truncate on audit_logs execute function refuse_truncate();


-- ── What the Lambdas may do ──────────────────────────────────────────────────────────────────────────────────────

grant usage on schema restoreclick to restoreclick_app;
grant usage on sequence order_number_seq to restoreclick_app;
grant select, insert, update on
  customers, orders, images, restoration_jobs, email_queue, file_uploads, download_links, checkouts, webhook_events
  to restoreclick_app;
grant select on status_transitions to restoreclick_app;
